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

/** The pattern of a platform's or project's name, which is part of routes, secret names and metrics. */
export const namePattern = '[a-z][a-z0-9-]{0,39}';

/** Returns whether a text can name a platform or a project. */
export function isName(text: string): boolean {
  return new RegExp(`^${namePattern}$`).test(text);
}
