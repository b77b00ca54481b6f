import { expect } from 'vitest';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { Wire } from './event.ts';
import type { Harness, HarnessOptions } from './harness.ts';
import { callback, deleteRequest, ketchHarness, ketchWire } from './ketch.ts';

export function withCallback(request: object = {}): Wire {
  return ketchWire(deleteRequest({ callbacks: [callback], ...request }));
}

export const inProgress = { status: 200, json: { response: { status: 'in_progress' } } };
export const unavailable = {
  status: 503,
  headers: { 'retry-after': '60' },
  json: { error: { status: 'unavailable' } },
};

/** A harness whose Voucherify is down. */
export function downHarness(options: Partial<HarnessOptions> = {}): Harness {
  const harness = ketchHarness(options);
  harness.sandbox.outage('error');
  return harness;
}

/** The only receipt there is. */
export async function receiptOf(harness: Harness): Promise<Receipt> {
  const [receipt, ...others] = await harness.receipts();
  expect(others).toEqual([]);
  return receipt!;
}

export async function sweepLater(harness: Harness, ms = 3_600_000): Promise<void> {
  harness.clock.now += ms;
  await harness.sweep();
}
