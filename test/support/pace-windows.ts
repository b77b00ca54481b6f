/** The most calls that lie within any period, its beginning included and its end not. */
export function mostInAPeriod(times: readonly number[], periodMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  let from = 0;
  for (const [at, time] of sorted.entries()) {
    while (time - (sorted[from] ?? 0) >= periodMs) from += 1;
    most = Math.max(most, at - from + 1);
  }
  return most;
}

/** What may be called in a period: the whole calls of the share, and never less than one. */
export function mostAllowed(limit: number, share: number): number {
  return Math.max(1, Math.floor(limit * share + 1e-9));
}
