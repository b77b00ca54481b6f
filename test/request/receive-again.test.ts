import { describe, expect, test } from 'vitest';
import { account, callback, deleteRequest, ketchHouse, ketchWire } from '../support/ketch.ts';
import { downHouse, inProgress, receiptOf, sweepLater, unavailable, withCallback } from '../support/open-requests.ts';

describe('repeated request', () => {
  test('open receipt: gets the current outcome without a call', async () => {
    const house = await downHouse();
    const first = await house.send(withCallback());
    const calls = house.sandbox.calls().length;
    const again = await house.send(withCallback());
    expect(again.text).toBe(first.text);
    expect(house.sandbox.calls()).toHaveLength(calls);
    expect(
      house
        .logged()
        .filter(line => line.event === 'accepted')
        .map(line => line.code),
    ).toEqual(['stored', 'repeated']);
  });

  test('at once: is stored and erased once', async () => {
    const house = await ketchHouse();
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => house.send(withCallback())));
    for (const { status, json } of answers) {
      expect(status).toBe(200);
      expect(json).toMatchObject({ response: { status: expect.stringMatching(/^(completed|in_progress)$/) } });
    }
    await sweepLater(house);
    expect(await receiptOf(house)).toMatchObject({ state: 'erased' });
    expect(house.sandbox.deletions()).toHaveLength(1);
  });

  test('other callbacks, dates and form data: is the same request', async () => {
    const house = await ketchHouse();
    const first = await house.send(withCallback());
    house.clock.at += 5000;
    const other = {
      callbacks: [],
      subject: { email: 'x@example.com' },
      submittedTimestamp: 1,
      dueTimestamp: 2,
      property: 'x',
    };
    const again = await house.send(withCallback(other));
    expect(again).toMatchObject({ status: 200 });
    expect(again.text).toBe(first.text);
  });

  test('count: is not increased', async () => {
    const house = await ketchHouse({ limits: { requestsPerHour: 1 } });
    for (const _ of [1, 2, 3]) expect((await house.send(withCallback())).status).toBe(200);
    expect(house.alarms()).toEqual([]);
    const metadata = { uid: '22880925-aac5-42f9-a653-cb6921d36102', tenant: 'axonic' };
    const other = deleteRequest({ callbacks: [callback], identities: [account('crm-10043')] }, { metadata });
    expect(await house.send(ketchWire(other))).toMatchObject(inProgress);
    expect(house.alarms()).toEqual(['platform-paused']);
    expect(house.sandbox.deletions().map(({ sourceId }) => sourceId)).toEqual(['crm-10042']);
  });

  test('callbacks: the first ones are kept and promised', async () => {
    const house = await downHouse();
    await house.send(withCallback());
    expect(await house.send(ketchWire())).toMatchObject(inProgress);
    const { id } = await receiptOf(house);
    expect((await house.services.store.readPersonalData(id))?.callbacks).toEqual([callback]);
  });

  test('callbacks only in the repetition: are not promised', async () => {
    const house = await downHouse();
    await house.send(ketchWire());
    expect(await house.send(withCallback())).toMatchObject(unavailable);
  });

  test('identities in another order: is the same request', async () => {
    const house = await ketchHouse();
    const identities = [account('crm-10042'), account('crm-10043')];
    const first = await house.send(ketchWire(deleteRequest({ identities })));
    const again = await house.send(ketchWire(deleteRequest({ identities: identities.toReversed() })));
    expect(again.text).toBe(first.text);
  });

  test.each([
    ['one more', [account('crm-10042'), account('crm-10043')]],
    ['one that is not mapped more', [account('crm-10042'), { identitySpace: 'x', identityValue: 'y' }]],
    ['another value', [account('crm-10042 ')]],
    ['another format', [{ ...account('crm-10042'), identityFormat: 'md5' }]],
    ['another space', [{ ...account('crm-10042'), identitySpace: 'email' }]],
    ['none', []],
  ])('%s: is a conflict, for open and closed receipts', async (_, identities) => {
    const house = await downHouse();
    await house.send(ketchWire());
    const conflict = { status: 409, json: { kind: 'Error', metadata: {}, error: { code: 409, status: 'conflict' } } };
    expect(await house.send(ketchWire(deleteRequest({ identities })))).toMatchObject(conflict);
    house.sandbox.outage(undefined);
    await sweepLater(house);
    expect(await house.send(ketchWire(deleteRequest({ identities })))).toMatchObject(conflict);
    expect(house.alarms()).toEqual(['payload-mismatch', 'payload-mismatch']);
    expect(house.sandbox.deletions().map(({ sourceId }) => sourceId)).toEqual(['crm-10042']);
  });
});
