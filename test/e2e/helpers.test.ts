import { describe, expect, test } from 'vitest';
import { markdown, summary } from '../bench/statistics.ts';
import { beforeVoucherify, longestChain, type TimedCall, tally, timeline } from './support/recorder.ts';

describe('longest chain', () => {
  const call = (began: number, ended: number): TimedCall => ({ to: 'aws', operation: 'GetItem', began, ended });

  test.each([
    ['no calls', [], 0],
    ['sequential calls', [call(1, 2), call(3, 4), call(5, 6)], 3],
    ['concurrent calls', [call(1, 4), call(2, 5), call(3, 6)], 1],
    ['one call, then two concurrent ones', [call(1, 2), call(3, 6), call(4, 5)], 2],
    ['a long call and two short ones', [call(1, 8), call(2, 3), call(4, 5)], 2],
  ])('%s: is counted', (_, calls, expected) => {
    expect(longestChain(calls)).toBe(expected);
  });

  test('chain: ends at the first call to Voucherify', () => {
    const events = timeline();
    for (const to of ['aws', 'aws', 'voucherify', 'aws'] as const) events.begin(to, `to ${to}`)();
    const all = events.since(0);
    expect(longestChain(beforeVoucherify(all, all))).toBe(2);
    expect(tally(all)).toBe('3 to aws, 1 to voucherify');
  });
});

test('statistics: come from the sorted measurements', () => {
  expect(summary([5, 1, 3])).toEqual({ least: 1, median: 3, p99: 5, most: 5 });
  expect(() => summary([])).toThrow('there are no measurements');
  expect(
    markdown([
      ['a', 'b'],
      ['c', 1],
    ]),
  ).toBe('| a | b |\n| --- | --: |\n| c | 1 |');
});
