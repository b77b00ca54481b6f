import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { storeUnavailable } from '../../lambda/receipts/store.ts';
import type { House } from '../support/house.ts';
import { ketchHouse, ketchWire } from '../support/ketch.ts';
import { downHouse, inProgress, receiptOf, sweepLater, unavailable, withCallback } from '../support/open-requests.ts';

describe('unfinished erasure', () => {
  test('callback: is stored as due before the reply', async () => {
    const house = await downHouse();
    expect(await house.send(withCallback())).toMatchObject(inProgress);
    expect(await receiptOf(house)).toMatchObject({ state: 'open', answeredInProgress: true, hasCallbacks: true });
  });

  test('callback not stored: no reply says in progress', async () => {
    const unwritten = ({ answeredInProgress }: Receipt) =>
      answeredInProgress ? Promise.reject(storeUnavailable()) : undefined;
    const house = await downHouse({
      limits: { holdSeconds: 60 },
      change: ({ store }) => ({
        store: { ...store, replace: (next, also) => unwritten(next) ?? store.replace(next, also) },
      }),
    });
    expect(await house.send(withCallback())).toMatchObject(unavailable);
    expect(await receiptOf(house)).toMatchObject({ state: 'open', answeredInProgress: false });
    expect(house.alarms()).toEqual(['store-unavailable']);
  });

  test('sweep faster than the mark: the reply has the final outcome', async () => {
    let swept: Promise<unknown> | undefined;
    const house: House = await ketchHouse({
      limits: { holdSeconds: 60 },
      change: ({ store }) => ({
        store: {
          ...store,
          replace: async (next, also) => {
            if (next.answeredInProgress && swept === undefined) {
              house.clock.at += 60_000;
              swept = house.sweep();
              await swept;
            }
            return store.replace(next, also);
          },
        },
      }),
    });
    expect(await house.send(withCallback())).toMatchObject({
      json: { response: { status: 'completed', reason: 'executed' } },
    });
    expect(await receiptOf(house)).toMatchObject({ state: 'erased' });
  });

  test('platform without callbacks for its outcome: requests it again and gets the result', async () => {
    const house = await downHouse();
    const wire = ketchWire();
    expect(await house.send(wire)).toMatchObject(unavailable);
    expect(await house.send(wire)).toMatchObject(unavailable);
    house.sandbox.outage(undefined);
    await sweepLater(house);
    expect(await house.send(wire)).toMatchObject({ json: { response: { status: 'completed', reason: 'executed' } } });
    expect(house.sandbox.deletions()).toHaveLength(1);
  });

  test('result not stored: the request stays accepted', async () => {
    const house = await ketchHouse({
      change: ({ store }) => ({
        store: {
          ...store,
          replace: (next, also) =>
            next.state === 'erased' ? Promise.reject(storeUnavailable()) : store.replace(next, also),
        },
      }),
    });
    expect(await house.send(withCallback())).toMatchObject(unavailable);
    expect(await receiptOf(house)).toMatchObject({ state: 'open', answeredInProgress: false });
    expect(house.sandbox.deletions()).toHaveLength(1);
  });

  test('rate limit and pauses unavailable: the request stays accepted and nothing is looked up', async () => {
    const lost = () => Promise.reject(storeUnavailable());
    const house = await ketchHouse({ change: () => ({ control: { read: lost, write: lost, count: lost } }) });
    expect(await house.send(withCallback())).toMatchObject(inProgress);
    expect(await receiptOf(house)).toMatchObject({ state: 'open' });
    expect(house.sandbox.calls()).toEqual([]);
  });
});

describe('postponed request', () => {
  test('holdSeconds: is stored, and the sweep erases after that time', async () => {
    const house = await ketchHouse({ limits: { holdSeconds: 60 } });
    expect(await house.send(withCallback())).toMatchObject(inProgress);
    expect(await receiptOf(house)).toMatchObject({ nextAttemptAt: house.clock.at + 60_000, claims: 0 });
    await sweepLater(house, 59_999);
    expect(house.sandbox.calls()).toEqual([]);
    await sweepLater(house, 1);
    expect(await receiptOf(house)).toMatchObject({ state: 'erased' });
    expect(await house.send(withCallback())).toMatchObject({ json: { response: { reason: 'executed' } } });
  });

  test('without callbacks: the platform must request it again', async () => {
    const house = await ketchHouse({ limits: { holdSeconds: 60 } });
    expect(await house.send(ketchWire())).toMatchObject(unavailable);
    expect(house.sandbox.calls()).toEqual([]);
  });
});

describe('first attempt of the sweep', () => {
  test('time: is after the attempt of the request path must have ended', async () => {
    const stored: Receipt[] = [];
    const house = await downHouse({
      limits: { answerBudgetMs: 5000 },
      change: ({ store }) => ({
        store: {
          ...store,
          accept: (receipt, kept) => {
            stored.push(receipt);
            return store.accept(receipt, kept);
          },
        },
      }),
    });
    await house.send(withCallback());
    const nextAttemptAt = house.clock.at + 5000 + 7000;
    expect(stored).toMatchObject([{ nextAttemptAt, claims: 1, unrecordedClaims: 1, answeredInProgress: false }]);
  });
});
