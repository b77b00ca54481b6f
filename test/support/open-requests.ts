import { expect } from 'vitest';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { Wire } from './event.ts';
import type { House, HouseOptions } from './house.ts';
import { callback, deleteRequest, ketchHouse, ketchWire } from './ketch.ts';

export function withCallback(request: object = {}): Wire {
  return ketchWire(deleteRequest({ callbacks: [callback], ...request }));
}

export const inProgress = { status: 200, json: { response: { status: 'in_progress' } } };
export const unavailable = {
  status: 503,
  headers: { 'retry-after': '60' },
  json: { error: { status: 'unavailable' } },
};

/** A house whose Voucherify is down. */
export async function downHouse(options: Partial<HouseOptions> = {}): Promise<House> {
  const house = await ketchHouse(options);
  house.sandbox.outage('error');
  return house;
}

/** The only receipt there is. */
export async function receiptOf(house: House): Promise<Receipt> {
  const [receipt, ...others] = await house.receipts();
  expect(others).toEqual([]);
  return receipt!;
}

export async function sweepLater(house: House, ms = 3_600_000): Promise<void> {
  house.clock.at += ms;
  await house.sweep();
}
