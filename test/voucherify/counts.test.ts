import { describe, expect, test } from 'vitest';
import { addCounts, countResidue, isPassing } from '../../lambda/voucherify/counts.ts';
import { type CallResult, retryLater } from '../../lambda/voucherify/responses.ts';
import { start } from '../support/harness.ts';

type Outcome = CallResult['outcome'];

/** Counts for one customer; `answer` gets the number of the call, from 1. */
async function counting(answer: (call: number) => Outcome, until = start + 60_000) {
  const waits: number[] = [];
  const clock = { now: start };
  let calls = 0;
  const counts = await countResidue(['cust_1'], {
    baseUrl: 'https://api.voucherify.io',
    ask: async () => {
      calls += 1;
      return answer(calls);
    },
    now: () => clock.now,
    wait: async ms => {
      waits.push(ms);
      clock.now += ms;
    },
    until,
  });
  return { counts, calls, waits };
}

describe('counts of what Voucherify lists', () => {
  test('two sets of customers: are added, and a code in either set wins', () => {
    const first = { redemptions: 1, publications: 'voucherify-403', vouchers: 4 };
    const second = { redemptions: 2, publications: 3, vouchers: 'no-total', memberships: 5 };
    const sum = { redemptions: 3, publications: 'voucherify-403', vouchers: 'no-total', memberships: 'no-total' };
    expect(addCounts(first, second)).toEqual(sum);
    expect(addCounts({ memberships: 1 }, { redemptions: 1 })['memberships']).toBe('no-total');
  });

  test.each([
    ...['timed-out', 'token-timed-out', 'voucherify-402', '408', 'voucherify-425', 'token-429', 'voucherify-599'],
    ...['rate-limited', 'failures', 'out-of-time'],
  ])('%s: may pass', code => {
    expect(isPassing(code)).toBe(true);
  });

  test.each([
    ...['a-token-timed-out', 'not-voucherify-503', 'voucherify-5031', 'voucherify-404', 'no-total', 'another-customer'],
    'voucherify-token-503',
    ...['x503', '5031'],
  ])('%s: does not pass', code => {
    expect(isPassing(code)).toBe(false);
  });

  test.each(['token-400', 'voucherify-401', 'no-credentials', 'no-spare-calls', 'timed-out'])(
    '%s: is the reason for every kind, after one call',
    async code => {
      const { counts, calls } = await counting(() => retryLater(code));
      expect(calls).toBe(1);
      expect(Object.values(counts)).toEqual([code, code, code, code]);
    },
  );

  test.each([
    ...['a-token-400', 'not-voucherify-401', 'voucherify-4011', 'has-no-credentials', 'no-credentials-x'],
    ...['has-no-spare-calls', 'no-spare-calls-x', 'voucherify-403'],
  ])('%s: is the reason for one kind only', async code => {
    expect((await counting(() => retryLater(code))).calls).toBe(4);
  });

  test('no spare call: waits for one at most ten times, and as long as there is time', async () => {
    const limited = (notBefore: number) => retryLater('rate-limited', { notBefore });
    const endless = await counting(() => limited(start));
    expect([endless.calls, endless.waits]).toEqual([11, Array(10).fill(1)]);
    const ok = { kind: 'ok', json: { total: 2 } } as const;
    const inTime = await counting(call => (call === 1 ? limited(start + 5000) : ok), start + 5000);
    expect([inTime.waits, inTime.counts['redemptions']]).toEqual([[5000], 2]);
    expect((await counting(() => limited(start + 5001), start + 5000)).waits).toEqual([]);
    const other = await counting(() => retryLater('voucherify-409', { notBefore: start + 1 }));
    expect(other.waits).toEqual([]);
    expect(other.counts['redemptions']).toBe('voucherify-409');
  });

  test.each<[string, object, number | string]>([
    ['no rows', { total: 3 }, 3],
    ['rows of the customer', { total: 3, redemptions: [{ customer_id: 'cust_1' }] }, 3],
    ['rows without an owner', { total: 3, redemptions: [{ customer_id: null }, {}] }, 3],
    ['rows of another customer', { total: 3, redemptions: [{ customer_id: 'cust_2' }] }, 'another-customer'],
    ['rows that are none', { total: 3, redemptions: ['cust_2'] }, 3],
    ['a total of zero', { total: 0 }, 0],
    ['a negative total', { total: -1 }, 'no-total'],
  ])('list with %s: counts %s', async (_, json, count) => {
    expect((await counting(() => ({ kind: 'ok', json }))).counts['redemptions']).toBe(count);
  });
});
