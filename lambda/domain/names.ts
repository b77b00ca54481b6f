/** The name of the secret with the pepper. Secret names are those of a deployment without a stage. */
export const pepperName = 'erasure/pepper';

/** The prefix of a platform's secret name. */
export const platformSecrets = 'erasure/platform/';

/** Returns the name of a platform's secret. */
export function platformSecretName(platform: string): string {
  return `${platformSecrets}${platform}`;
}

/** Returns the name of the secret with a project's API key. */
export function projectSecretName(project: string): string {
  return `erasure/voucherify/${project}`;
}

/** The prefix of the name of a secret that signs the events of a project. */
export const eventSecrets = 'erasure/events/';

/** Returns the name of the secret with which Voucherify signs the events of a project. */
export function eventSecretName(project: string): string {
  return `${eventSecrets}${project}`;
}

/** The pattern of a platform's or project's name, which is part of routes, secret names and metrics. */
export const namePattern = '[a-z][a-z0-9-]{0,39}';

/** Returns whether a text can name a platform or a project. */
export function isName(text: string): boolean {
  return new RegExp(`^${namePattern}$`).test(text);
}
