/** What was measured, and the most that it may be. */
export type Bound = readonly [what: string, measured: number, most: number];

/** Every bound that was broken, in words. */
export function broken(...bounds: readonly Bound[]): readonly string[] {
  return bounds
    .filter(([, measured, most]) => !(measured <= most))
    .map(([what, measured, most]) => `${what}: ${Number(measured.toFixed(3))}, and at most ${most} is allowed`);
}
