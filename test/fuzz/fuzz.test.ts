import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { corpus } from './support/corpus.ts';
import { runBatch, type Target } from './support/target.ts';
import { targets } from './targets/index.ts';

/** Generated inputs of each target in the everyday tests. */
const cases = 60;

describe('fuzz', () => {
  afterAll(async () => {
    for (const { close } of Object.values(targets)) await close?.();
  });

  test.each(Object.keys(targets))('%s: generated inputs break no rule', async name => {
    expect(await runBatch(targets[name]!, 1, cases)).toEqual({ cases });
  });

  test.each(corpus)('kept input $file: $what', async ({ target, input }) => {
    expect(await targets[target]!.check(input)).toEqual([]);
  });

  const breaking = (seen: number[]): Target<number> => ({
    what: 'numbers',
    inputs: fc.nat(1000),
    check: async number => {
      seen.push(number);
      return number > 100 ? ['is over 100'] : [];
    },
  });

  test('broken rule: is reported with the smallest input, and found again by the same seed', async () => {
    const seen: [number[], number[]] = [[], []];
    const finding = { input: 101, violations: ['is over 100'] };
    expect(await runBatch(breaking(seen[0]), 7, cases)).toMatchObject({ finding });
    expect(await runBatch(breaking(seen[1]), 7, cases)).toMatchObject({ finding });
    expect(seen[0]).toEqual(seen[1]);
  });

  test('thrown error: is a finding', async () => {
    const throwing = { ...breaking([]), check: () => Promise.reject(new Error('unexpected')) };
    const { finding } = await runBatch(throwing, 7, cases);
    expect(finding?.violations).toEqual([expect.stringContaining('unexpected')]);
  });
});
