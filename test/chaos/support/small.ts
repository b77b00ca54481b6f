import { describe, expect, it } from 'vitest';
import { scenarios } from '../scenarios/index.ts';

/** Longest that one run may take on a busy machine, in milliseconds. */
const longest = 60_000;

/** The small size of a scenario of `npm run chaos`. */
export function describeSmall(name: string): void {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  describe(scenario.what, () => {
    it.each(scenario.runs.small)('$label', { timeout: longest }, async ({ run }) => {
      const { violations } = await run();
      expect(violations).toEqual([]);
    });
  });
}
