import { describe, expect, it } from 'vitest';
import { deadlineUsedPercent, dueAtOf } from '../../lambda/receipts/receipt.ts';
import { claimedOnce } from '../support/erasing-receipts.ts';

const day = 86_400_000;
const receipt = claimedOnce({ submittedAt: 1000, receivedAt: 5000 });

describe('due date', () => {
  it('none given: is one month after submission', () => {
    expect(dueAtOf(receipt)).toBe(1000 + 30 * day);
    expect(deadlineUsedPercent(receipt, 1000 + 15 * day)).toBe(50);
    expect(deadlineUsedPercent(receipt, 1000 + 24 * day)).toBe(80);
    expect(deadlineUsedPercent(receipt, 1000 + 60 * day)).toBe(200);
  });

  it('given: is used, earlier or later', () => {
    expect(deadlineUsedPercent({ ...receipt, dueAt: 1000 + 10 * day }, 1000 + 5 * day)).toBe(50);
    expect(dueAtOf({ ...receipt, dueAt: 1000 + 45 * day })).toBe(1000 + 45 * day);
  });

  it('before submission: is not possible', () => {
    for (const dueAt of [0, 1000]) expect(dueAtOf({ ...receipt, dueAt })).toBe(1000 + 30 * day);
  });
});
