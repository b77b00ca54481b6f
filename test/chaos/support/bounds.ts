/** What was measured, and the most that it may be. */
export type Bound = readonly [what: string, measured: number, most: number];

/** Returns a text for every violated bound. */
export function broken(...bounds: readonly Bound[]): readonly string[] {
  return bounds
    .filter(([, measured, most]) => !(measured <= most))
    .map(([what, measured, most]) => `${what}: ${Number(measured.toFixed(3))}, and at most ${most} is allowed`);
}
