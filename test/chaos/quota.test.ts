import { describe, expect, test } from 'vitest';
import { scenarios } from './scenarios/index.ts';

const names = [
  'quota',
  'backlog',
  'flood',
  'projects',
  'keys',
  'throttled-aws',
  'refusals',
  'hourly',
  'small-quota',
  'replays',
  'versions',
  'killed',
];

describe.each(names)('%s', name => {
  test.each(scenarios[name]?.runs.small ?? [])('$label: no violations', async ({ run }) => {
    expect((await run()).violations).toEqual([]);
  });
});
