import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { storeUnavailable } from '../../lambda/receipts/store.ts';
import type { House } from '../support/house.ts';
import { ketchHouse, ketchWire } from '../support/ketch.ts';
import { downHouse, inProgress, receiptOf, sweepLater, unavailable, withCallback } from '../support/open-requests.ts';

describe('an erasure that is not finished', () => {
  test('is marked as owed a callback before the platform is told so', async () => {
    const house = await downHouse();
    expect(await house.send(withCallback())).toMatchObject(inProgress);
    expect(await receiptOf(house)).toMatchObject({ state: 'open', answeredInProgress: true, hasCallbacks: true });
  });

  test('is not told of when that mark cannot be written', async () => {
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

  test('is answered as it stands when the sweep was faster than the mark', async () => {
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

  test('is asked for again, and the retry gets the result, where no callback can tell it', async () => {
    const house = await downHouse();
    const wire = ketchWire();
    expect(await house.send(wire)).toMatchObject(unavailable);
    expect(await house.send(wire)).toMatchObject(unavailable);
    house.sandbox.outage(undefined);
    await sweepLater(house);
    expect(await house.send(wire)).toMatchObject({ json: { response: { status: 'completed', reason: 'executed' } } });
    expect(house.sandbox.deletions()).toHaveLength(1);
  });

  test('stays accepted when the result cannot be written', async () => {
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

  test('stays accepted when the pace and the pauses cannot be read, and nobody is looked for', async () => {
    const lost = () => Promise.reject(storeUnavailable());
    const house = await ketchHouse({ change: () => ({ control: { read: lost, write: lost, count: lost } }) });
    expect(await house.send(withCallback())).toMatchObject(inProgress);
    expect(await receiptOf(house)).toMatchObject({ state: 'open' });
    expect(house.sandbox.calls()).toEqual([]);
  });
});

describe('a request that is held', () => {
  test('is accepted, left alone until then, and erased by the sweep', async () => {
    const house = await ketchHouse({ limits: { holdSeconds: 60 } });
    expect(await house.send(withCallback())).toMatchObject(inProgress);
    expect(await receiptOf(house)).toMatchObject({ nextAttemptAt: house.clock.at + 60_000, claims: 0 });
    await sweepLater(house, 59_999);
    expect(house.sandbox.calls()).toEqual([]);
    await sweepLater(house, 1);
    expect(await receiptOf(house)).toMatchObject({ state: 'erased' });
    expect(await house.send(withCallback())).toMatchObject({ json: { response: { reason: 'executed' } } });
  });

  test('without callbacks is to be asked for again', async () => {
    const house = await ketchHouse({ limits: { holdSeconds: 60 } });
    expect(await house.send(ketchWire())).toMatchObject(unavailable);
    expect(house.sandbox.calls()).toEqual([]);
  });
});

describe('the first attempt of the sweep', () => {
  test('waits until the request line cannot be at it any more', async () => {
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
