import type { Receipt } from './receipt.ts';

/** GDPR, Article 12(3): one month, where the platform names no other time. */
const monthMs = 30 * 86_400_000;

/** How much of its time a receipt has used by now, in percent; over a hundred it is late. */
export function deadlineUsedPercent(receipt: Receipt, now: number): number {
  const { submittedAt } = receipt;
  return (100 * (now - submittedAt)) / (dueAtOf(receipt) - submittedAt);
}

/** When an erasure is due, in epoch milliseconds. A time before the request itself cannot be meant. */
export function dueAtOf({ submittedAt, dueAt }: Receipt): number {
  return dueAt !== undefined && dueAt > submittedAt ? dueAt : submittedAt + monthMs;
}
