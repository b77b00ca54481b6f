import { describe, expect, it } from 'vitest';
import { scenarios } from '../scenarios/index.ts';

/** The small size of a scenario of `npm run chaos`. */
export function describeSmall(name: string): void {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  describe(scenario.what, () => {
    it.each(scenario.runs.small)('$label', async ({ run }) => {
      const { violations } = await run();
      expect(violations).toEqual([]);
    });
  });
}
