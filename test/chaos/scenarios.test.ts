import { describe, expect, test } from 'vitest';
import { scenarios } from './scenarios/index.ts';

/** Two files, so that they run at the same time: the quota and mass requests are in quota.test.ts. */
describe.each([
  'mix',
  'awaits',
  'interleavings',
  'rules',
  'reappearances',
  'soak',
  'verifications',
  'holds',
  'residues',
  'withdrawals',
])('%s', name => {
  test.each(scenarios[name]?.runs.small ?? [])('$label: no violations', async ({ run }) => {
    expect((await run()).violations).toEqual([]);
  });
});
