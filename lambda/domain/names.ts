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

/** The platform's name of requests that an operator makes by hand. No platform of the settings may have it. */
export const manualPlatform = 'manual';

/** Returns whether a text can name a platform or a project. */
export function isName(text: string): boolean {
  return new RegExp(`^${namePattern}$`).test(text);
}

/**
 * Returns the candidate that a misspelt name probably means: the one that the fewest changed, added or removed letters lead
 * to, if they are two, or at most a third of the name. Returns `undefined` if no candidate is that close.
 */
function closest(name: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(name.length < 4 ? 1 : 2, Math.floor(name.length / 3));
  const rated = [...candidates].map(candidate => ({ candidate, distance: distanceOf(name, candidate) }));
  const [best] = rated.filter(({ distance }) => distance <= limit).toSorted((a, b) => a.distance - b.distance);
  return best?.candidate;
}

/** Levenshtein distance, without regard to upper and lower case. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a.toLowerCase()].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b.toLowerCase()].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** Returns `; did you mean …?` for a misspelt name, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const meant = closest(name, candidates);
  return meant === undefined || meant === name ? '' : `; did you mean ${meant}?`;
}
