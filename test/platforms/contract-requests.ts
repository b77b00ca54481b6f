import { expect, test } from 'vitest';
import { storeUnavailable } from '../../lambda/receipts/store.ts';
import type { Answer, Wire } from '../support/event.ts';
import type { Harness } from '../support/harness.ts';
import { ada, cleo, type Suite } from './contract-case.ts';

export function requests(suite: Suite): void {
  const { expectRefusal, expectSame = sameText } = suite;

  test('that are genuine erase the person, and nobody else', async () => {
    const harness = await suite.harness();
    expect((await sendAndSweep(harness)).status).toBeLessThan(300);
    expect(erased(harness)).toEqual([ada.customerId]);
    expect(await harness.receipts()).toMatchObject([{ platform: suite.name, state: 'erased' }]);
  });

  test('that name nobody who is here end all the same', async () => {
    const harness = await suite.harness({ customers: [] });
    expect((await sendAndSweep(harness)).status).toBeLessThan(300);
    expect(erased(harness)).toEqual([]);
    expect(await harness.receipts()).toMatchObject([{ state: 'no-match' }]);
  });

  test('that come again get the same answer and erase nobody again', async () => {
    const harness = await suite.harness();
    const first = await sendAndSweep(harness);
    const calls = harness.sandbox.calls().length;
    for (const later of [0, 1000]) {
      harness.clock.now += later;
      expectSame(first, await sendAndSweep(harness));
    }
    expect(erased(harness)).toEqual([ada.customerId]);
    expect(harness.sandbox.calls()).toHaveLength(calls);
    expect(await harness.receipts()).toHaveLength(1);
  });

  test('that are replayed byte for byte never erase anybody again', async () => {
    const harness = await suite.harness();
    const wire = await suite.genuine(harness);
    const [second, hour, year] = [1000, 3_600_000, 365 * 86_400_000];
    for (const later of [0, second, hour, year]) {
      harness.clock.now += later;
      await harness.send(wire);
      await harness.sweep();
      if (later === 0)
        harness.sandbox.register({ source_id: ada.sourceId, created_at: '2025-01-01T00:00:00Z' }, 'main');
    }
    expect(erased(harness)).toEqual([ada.customerId]);
    expect(await harness.receipts()).toHaveLength(1);
  });

  test('never take their id, scope or time from a header that the credentials do not cover', async () => {
    const harness = await suite.harness();
    const wire = await suite.genuine(harness);
    await harness.send(wire);
    await harness.sweep();
    const [first] = await harness.receipts();
    for (const stranger of withOtherHeaders(wire, suite.headers)) {
      harness.clock.now += 1000;
      harness.sandbox.register({ source_id: ada.sourceId }, 'main');
      harness.clock.now += 1000;
      await harness.send(stranger);
      await harness.sweep();
    }
    expect(erased(harness)).toEqual([ada.customerId]);
    expect(await harness.receipts()).toEqual([first]);
  });

  test('have the time of the first delivery or of what the credentials cover, whatever other headers say', async () => {
    const [plain, other] = [await suite.harness(), await suite.harness()];
    const wire = await suite.genuine(plain);
    await plain.send(wire);
    const [expected] = await plain.receipts();
    const [stranger] = withOtherHeaders(wire, suite.headers);
    await other.send(stranger!);
    expect(await other.receipts()).toMatchObject([{ id: expected!.id, submittedAt: expected!.submittedAt }]);
  });

  if (suite.idHoldsIdentities !== true)
    test('that come again for somebody else are a conflict', async () => {
      const harness = await suite.harness();
      await sendAndSweep(harness);
      const answer = await harness.send(await suite.genuine(harness, { sourceId: cleo.sourceId }));
      expect(answer.status).toBe(409);
      expectRefusal(answer, 409);
      expect(harness.alarms()).toEqual(['payload-mismatch']);
      await harness.sweep();
      expect(erased(harness)).toEqual([ada.customerId]);
    });

  test('that differ in their id are two', async () => {
    const harness = await suite.harness();
    await sendAndSweep(harness);
    await harness.send(await suite.genuine(harness, { id: 2, sourceId: cleo.sourceId }));
    await harness.sweep();
    expect(erased(harness)).toEqual([ada.customerId, cleo.customerId]);
  });

  test('that find Voucherify down are kept, ended by the sweep, and answered then', async () => {
    const harness = await suite.harness();
    harness.sandbox.outage('error');
    await harness.send(await suite.genuine(harness));
    expect(await harness.receipts()).toMatchObject([{ state: 'open' }]);
    harness.sandbox.outage(undefined);
    harness.clock.now += 3_600_000;
    await harness.sweep();
    expect(await harness.receipts()).toMatchObject([{ state: 'erased' }]);
    expect((await harness.send(await suite.genuine(harness))).status).toBeLessThan(300);
    expect(erased(harness)).toEqual([ada.customerId]);
  });

  test('that cannot be kept are not accepted, and nobody is looked for', async () => {
    const down = () => Promise.reject(storeUnavailable());
    const harness = await suite.harness({ change: ({ store }) => ({ store: { ...store, accept: down } }) });
    const answer = await harness.send(await suite.genuine(harness));
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '60' } });
    expectRefusal(answer, 503);
    expect(harness.alarms()).toEqual(['store-unavailable']);
    expect(harness.sandbox.calls()).toEqual([]);
  });

  test('leave nothing of a person or of a secret in answer, log or receipt', async () => {
    const { current, previous } = suite.secrets;
    const texts = { [`erasure/platform/${suite.name}`]: suite.secretText(current, previous) };
    const harness = await suite.harness({ secrets: texts });
    const sourceId = 'src-kqzvwxjy';
    harness.sandbox.register(
      { source_id: sourceId, email: 'zkqjvxw@example.com', created_at: '2025-01-01T00:00:00Z' },
      'main',
    );
    const answers = [
      await sendAndSweep(harness, { sourceId, extra: { note: 'note-wqkzjxv' } }),
      await sendAndSweep(harness, { sourceId }),
      await sendAndSweep(harness, { id: 2, sourceId: 'src-jjkkzzqq' }),
      await sendAndSweep(harness, { id: 1, sourceId: 'src-jjkkzzqq' }),
    ];
    const shown = JSON.stringify([answers, harness.logText, await harness.receipts()]);
    for (const secret of [sourceId, 'zkqjvxw', 'wqkzjxv', 'jjkkzzqq', current, previous])
      expect(shown).not.toContain(secret);
    expect(erased(harness)).toHaveLength(1);
  });

  test.each(suite.others ?? [])(
    'that ask for nothing of ours are answered $status: $what',
    async ({ wire, status }) => {
      const harness = await suite.harness();
      const answer = await harness.send(await suite.sign(wire, suite.secrets.current, harness.clock.now));
      expect(answer.status).toBe(status);
      if (status >= 400) expectRefusal(answer, status);
      expect(await harness.receipts()).toEqual([]);
      expect(harness.sandbox.calls()).toEqual([]);
    },
  );

  test('to a platform that settings do not turn on are not served', async () => {
    const harness = await suite.harness({ platforms: {} });
    const answer = await harness.send(await suite.genuine(harness));
    expect(answer.status).toBe(404);
    expect(harness.lines).toEqual([expect.objectContaining({ event: 'refused', code: 'not-found', status: 404 })]);
  });

  async function sendAndSweep(harness: Harness, asked: Parameters<Suite['genuine']>[1] = {}): Promise<Answer> {
    const answer = await harness.send(await suite.genuine(harness, asked));
    await harness.sweep();
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

function erased(harness: Harness): readonly string[] {
  return harness.sandbox.deletions().map(deletion => deletion.customerId);
}

function sameText(first: Answer, again: Answer): void {
  expect(again.status).toBe(first.status);
  expect(again.text).toBe(first.text);
}
