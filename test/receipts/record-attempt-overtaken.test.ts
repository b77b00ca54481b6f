import { describe, expect, test } from 'vitest';
import { requestReview } from '../../lambda/receipts/receipt.ts';
import { claimReceipt } from '../../lambda/receipts/transitions.ts';
import {
  claimedOnce,
  erased,
  human,
  later,
  mustRecord,
  noMatch,
  now,
  record,
  unidentifiable,
  withProgress,
} from '../support/attempt-results.ts';

const pinnedOnce = withProgress(claimedOnce({ nextAttemptAt: now }, ['main', 'us']), 'main', { pins: 1 });
const first = { generation: 1 };

function claimedAgain() {
  const next = claimReceipt(pinnedOnce, now, now + 60_000);
  if (next === undefined) throw new Error('it is due');
  return next;
}

describe('overtaken worker', () => {
  const overtaken = claimedAgain();

  test.each([
    ['retry', later()],
    ['retry with a proof', later({ deletions: erased.deletions, mayHaveExecuted: true })],
    ['no match', { ...noMatch, knownPins: 1 }],
    ['not identifiable', { ...unidentifiable, knownPins: 1 }],
    ['review', human('voucherify-400')],
    ['review for missing pins', human('pins-missing')],
  ] as const)('%s: is ignored', (_, main) => {
    expect(record(overtaken, { main, us: erased }, first)).toBeUndefined();
    expect(record(overtaken, { main, us: noMatch }, first)).toBeUndefined();
  });

  test('all deletions proved: is recorded', () => {
    expect(record(overtaken, { main: erased, us: erased }, first)).toMatchObject({ state: 'erased' });
  });

  test('wrong customer deleted: is recorded', () => {
    const wrong = human('wrong-customer-deleted', { mayHaveExecuted: true });
    const next = mustRecord(overtaken, { main: wrong, us: noMatch }, first);
    expect(next).toMatchObject({ state: 'needs-review', reason: 'wrong-customer-deleted', queue: 'needs-review' });
    expect(next.projects).toMatchObject({ main: { state: 'open', mayHaveExecuted: true }, us: { state: 'open' } });
  });

  test.each([0, 3])('generation %i that never existed: is treated the same', generation => {
    expect(record(overtaken, { main: later(), us: later() }, { generation })).toBeUndefined();
  });
});

describe('nothing to record', () => {
  const results = [erased, { ...noMatch, knownPins: 1 }, later(), human(), human('wrong-customer-deleted')];
  const states = [
    mustRecord(pinnedOnce, { main: erased, us: noMatch }),
    mustRecord(withProgress(pinnedOnce, 'main', { pins: 0 }), { main: noMatch, us: noMatch }),
    requestReview(pinnedOnce, 'too-many-matches'),
  ];
  test.each(states.map(receipt => [receipt.state, receipt] as const))('receipt: is %s', (_, receipt) => {
    for (const main of results) {
      const next = record(receipt, { main, us: erased });
      // A receipt in review must not be retried after it deleted a wrong customer.
      const isWrong = main.kind === 'review' && main.code === 'wrong-customer-deleted';
      if (!isWrong || receipt.state !== 'needs-review') expect(next).toBeUndefined();
      else expect(next).toEqual(requestReview(receipt, 'wrong-customer-deleted'));
    }
  });
});
