import { expect, test } from 'vitest';
import { storeUnavailable } from '../../lambda/receipts/store.ts';
import type { Answer, Wire } from '../support/event.ts';
import type { House } from '../support/house.ts';
import { ada, cleo, type Suite } from './contract-case.ts';

export function requests(suite: Suite): void {
  const { expectRefusal, expectSame = sameText } = suite;

  test('that are genuine erase the person, and nobody else', async () => {
    const house = await suite.house();
    expect((await sendAndSweep(house)).status).toBeLessThan(300);
    expect(erased(house)).toEqual([ada.customerId]);
    expect(await house.receipts()).toMatchObject([{ platform: suite.name, state: 'erased' }]);
  });

  test('that name nobody who is here end all the same', async () => {
    const house = await suite.house({ customers: [] });
    expect((await sendAndSweep(house)).status).toBeLessThan(300);
    expect(erased(house)).toEqual([]);
    expect(await house.receipts()).toMatchObject([{ state: 'no-match' }]);
  });

  test('that come again get the same answer and erase nobody again', async () => {
    const house = await suite.house();
    const first = await sendAndSweep(house);
    const calls = house.sandbox.calls().length;
    for (const later of [0, 1000]) {
      house.clock.at += later;
      expectSame(first, await sendAndSweep(house));
    }
    expect(erased(house)).toEqual([ada.customerId]);
    expect(house.sandbox.calls()).toHaveLength(calls);
    expect(await house.receipts()).toHaveLength(1);
  });

  test('that are replayed byte for byte never erase anybody again', async () => {
    const house = await suite.house();
    const wire = await suite.genuine(house);
    const [second, hour, year] = [1000, 3_600_000, 365 * 86_400_000];
    for (const later of [0, second, hour, year]) {
      house.clock.at += later;
      await house.send(wire);
      await house.sweep();
      if (later === 0) house.sandbox.register({ source_id: ada.sourceId, created_at: '2025-01-01T00:00:00Z' }, 'main');
    }
    expect(erased(house)).toEqual([ada.customerId]);
    expect(await house.receipts()).toHaveLength(1);
  });

  test('never take their id, scope or time from a header that the credentials do not cover', async () => {
    const house = await suite.house();
    const wire = await suite.genuine(house);
    await house.send(wire);
    await house.sweep();
    const [first] = await house.receipts();
    for (const stranger of withOtherHeaders(wire, suite.headers)) {
      house.clock.at += 1000;
      house.sandbox.register({ source_id: ada.sourceId }, 'main');
      house.clock.at += 1000;
      await house.send(stranger);
      await house.sweep();
    }
    expect(erased(house)).toEqual([ada.customerId]);
    expect(await house.receipts()).toEqual([first]);
  });

  test('have the time of the first delivery or of what the credentials cover, whatever other headers say', async () => {
    const [plain, other] = [await suite.house(), await suite.house()];
    const wire = await suite.genuine(plain);
    await plain.send(wire);
    const [expected] = await plain.receipts();
    const [stranger] = withOtherHeaders(wire, suite.headers);
    await other.send(stranger!);
    expect(await other.receipts()).toMatchObject([{ id: expected!.id, submittedAt: expected!.submittedAt }]);
  });

  if (suite.idHoldsIdentities !== true)
    test('that come again for somebody else are a conflict', async () => {
      const house = await suite.house();
      await sendAndSweep(house);
      const answer = await house.send(await suite.genuine(house, { sourceId: cleo.sourceId }));
      expect(answer.status).toBe(409);
      expectRefusal(answer, 409);
      expect(house.alarms()).toEqual(['payload-mismatch']);
      await house.sweep();
      expect(erased(house)).toEqual([ada.customerId]);
    });

  test('that differ in their id are two', async () => {
    const house = await suite.house();
    await sendAndSweep(house);
    await house.send(await suite.genuine(house, { id: 2, sourceId: cleo.sourceId }));
    await house.sweep();
    expect(erased(house)).toEqual([ada.customerId, cleo.customerId]);
  });

  test('that find Voucherify down are kept, ended by the sweep, and answered then', async () => {
    const house = await suite.house();
    house.sandbox.outage('error');
    await house.send(await suite.genuine(house));
    expect(await house.receipts()).toMatchObject([{ state: 'open' }]);
    house.sandbox.outage(undefined);
    house.clock.at += 3_600_000;
    await house.sweep();
    expect(await house.receipts()).toMatchObject([{ state: 'erased' }]);
    expect((await house.send(await suite.genuine(house))).status).toBeLessThan(300);
    expect(erased(house)).toEqual([ada.customerId]);
  });

  test('that cannot be kept are not accepted, and nobody is looked for', async () => {
    const down = () => Promise.reject(storeUnavailable());
    const house = await suite.house({ change: ({ store }) => ({ store: { ...store, accept: down } }) });
    const answer = await house.send(await suite.genuine(house));
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expectRefusal(answer, 503);
    expect(house.alarms()).toEqual(['store-unavailable']);
    expect(house.sandbox.calls()).toEqual([]);
  });

  test('leave nothing of a person or of a secret in answer, log or receipt', async () => {
    const { current, previous } = suite.secrets;
    const texts = { [`erasure/platform/${suite.name}`]: suite.secretText(current, previous) };
    const house = await suite.house({ secrets: texts });
    const sourceId = 'src-kqzvwxjy';
    house.sandbox.register(
      { source_id: sourceId, email: 'zkqjvxw@example.com', created_at: '2025-01-01T00:00:00Z' },
      'main',
    );
    const answers = [
      await sendAndSweep(house, { sourceId, extra: { note: 'note-wqkzjxv' } }),
      await sendAndSweep(house, { sourceId }),
      await sendAndSweep(house, { id: 2, sourceId: 'src-jjkkzzqq' }),
      await sendAndSweep(house, { id: 1, sourceId: 'src-jjkkzzqq' }),
    ];
    const shown = JSON.stringify([answers, house.lines, await house.receipts()]);
    for (const secret of [sourceId, 'zkqjvxw', 'wqkzjxv', 'jjkkzzqq', current, previous])
      expect(shown).not.toContain(secret);
    expect(erased(house)).toHaveLength(1);
  });

  test.each(suite.others ?? [])(
    'that ask for nothing of ours are answered $status: $what',
    async ({ wire, status }) => {
      const house = await suite.house();
      const answer = await house.send(await suite.sign(wire, suite.secrets.current, house.clock.at));
      expect(answer.status).toBe(status);
      if (status >= 400) expectRefusal(answer, status);
      expect(await house.receipts()).toEqual([]);
      expect(house.sandbox.calls()).toEqual([]);
    },
  );

  test('to a platform that settings do not turn on are not served', async () => {
    const house = await suite.house({ platforms: {} });
    const answer = await house.send(await suite.genuine(house));
    expect(answer.status).toBe(404);
    expect(house.logged()).toEqual([expect.objectContaining({ event: 'refused', code: 'not-found', status: 404 })]);
  });

  async function sendAndSweep(house: House, asked: Parameters<Suite['genuine']>[1] = {}): Promise<Answer> {
    const answer = await house.send(await suite.genuine(house, asked));
    await house.sweep();
    return answer;
  }
}

/** Headers that senders put an id, a scope or a time into. */
const ofSenders = {
  'Idempotency-Key': 'another',
  'X-Request-Id': 'another',
  'webhook-id': 'another',
  'webhook-timestamp': '1451606400',
  'X-Shopify-Webhook-Id': 'another',
  'X-Shopify-Triggered-At': '2016-01-01T00:00:00Z',
  'X-Shopify-Shop-Domain': 'another.myshopify.com',
  'X-Segment-Timestamp': '2016-01-01T00:00:00Z',
  Date: 'Fri, 01 Jan 2016 00:00:00 GMT',
} as const;

/** The same message with other values in all headers of that kind, and with each header that is no proof left out. */
function withOtherHeaders(wire: Wire, credentials: readonly string[]): readonly Wire[] {
  const isProof = (name: string) => credentials.some(one => one.toLowerCase() === name.toLowerCase());
  const added = Object.fromEntries(Object.entries(ofSenders).filter(([name]) => !isProof(name)));
  const needed = new Set(['content-type']);
  const left = Object.keys(wire.headers).filter(name => !isProof(name) && !needed.has(name.toLowerCase()));
  return [added, ...left.map(name => ({ [name]: [] }))].map(change => ({
    ...wire,
    headers: { ...wire.headers, ...change },
  }));
}

function erased(house: House): readonly string[] {
  return house.sandbox.deletions().map(deletion => deletion.customerId);
}

function sameText(first: Answer, again: Answer): void {
  expect(again.status).toBe(first.status);
  expect(again.text).toBe(first.text);
}
