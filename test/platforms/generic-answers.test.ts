import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../lambda/domain/erasure.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { createHarness, fixtureTime, type Harness } from '../support/harness.ts';
import { requestOf } from '../support/requests.ts';

const current = 'the-static-secret-of-a-sender';
const section = {
  type: 'generic',
  authentication: { kind: 'header', header: 'X-Key' },
  rules: [{ when: { '/kind': 'delete' }, do: 'erase' }],
  reference: '/id',
  identifiers: { '/number': 'source_id' },
};
const body = {
  kind: 'delete',
  id: 'o-1',
  number: 'crm-10042',
  'kept:x': 'of a key',
  x: 'no',
  meta: { a: [1, null], b: 12345678901234567890n },
};
const text = JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? 'big' : value)).replace(
  '"big"',
  '12345678901234567890',
);

const outcomes: Readonly<Record<string, Outcome>> = {
  erased: { kind: 'erased', at: fixtureTime, deletions: [{ project: 'main', pin: 0, proof: 'gone', at: 0 }] },
  no_match: { kind: 'no-match', at: fixtureTime, deletions: [] },
  not_identifiable: { kind: 'not-identifiable', at: fixtureTime, deletions: [] },
  created_later: { kind: 'created-later', at: fixtureTime, deletions: [] },
  refused: { kind: 'refused', at: fixtureTime, deletions: [] },
  in_progress: { kind: 'in-progress', expectedAt: fixtureTime + 900_000 },
  needs_review: { kind: 'needs-review', expectedAt: fixtureTime + 900_000 },
};

const resultOf = (outcome: string, receivedAt = 0) => ({
  ...{ reference: 'o-1', receiptId: 'r-1', receivedAt, callbackFollows: false },
  outcome: outcomes[outcome]!,
});

const senderOf = (change: object) => openPlatforms({ sender: { ...section, ...change } }).get('sender')!;

/** The reply to an outcome, with the settings' answers. */
function replyTo(outcome: string, answers: object, change: object = {}) {
  const platform = senderOf({ answers, ...change });
  const { reply } = platform.parse(requestOf(text, { 'content-type': 'application/json', 'x-trace': 't-1' }));
  const { status, headers, body: sent } = reply([resultOf(outcome, fixtureTime - 1000)]);
  return { status, headers, body: sent === '' ? undefined : (JSON.parse(sent) as unknown) };
}

describe('reply of an outcome', () => {
  test.each([
    ['erased', 200, true],
    ['no_match', 200, true],
    ['not_identifiable', 200, true],
    ['refused', 200, true],
    ['in_progress', 202, false],
    ['needs_review', 202, false],
  ])('%s without an answer in settings: status %i and final %s', (outcome, status, final) => {
    expect(replyTo(outcome, {})).toMatchObject({ status, body: { status: outcome, final, receipt_id: 'r-1' } });
    expect(replyTo(outcome, {}).headers['Retry-After']).toBe(final ? undefined : '60');
  });

  test('the answer of the outcome comes before "*", and a status without a body has none', () => {
    const answers = { erased: { status: 201, headers: { 'X-Result': 'done' } }, '*': { status: 204 } };
    expect(replyTo('erased', { erased: { status: 201, headers: { 'X-Result': 'done' }, body: 1 } })).toEqual({
      status: 201,
      headers: { 'Content-Type': 'application/json', 'X-Result': 'done' },
      body: 1,
    });
    expect(replyTo('erased', answers)).toEqual({ status: 201, headers: { 'X-Result': 'done' }, body: undefined });
    expect(replyTo('no_match', answers)).toEqual({ status: 204, headers: {}, body: undefined });
    expect(replyTo('needs_review', answers).status).toBe(204);
  });

  test('variables: keep their type if they are the whole text, and an absent one drops its key', () => {
    const template = {
      final: '{final}',
      count: '{count}',
      text: 'n={count}, {{literal}',
      at: ['{received}', '{expected}', '{completed}'],
      id: '{reference}/{receipt}/{outcome}',
      trace: '{header:X-Trace}',
      meta: '{/meta}',
      none: '{/nothing}',
      part: 'x{/nothing}',
      texts: 'final={final}, big={/meta/b}',
      list: ['{/nothing}', 1],
      key: '{/kept:x}',
      deep: { none: '{/nothing}', kept: null, number: 1 },
      raw: '{base64Body}',
    };
    expect(replyTo('erased', { erased: { status: 200, body: template } }).body).toEqual({
      final: true,
      count: 1,
      text: 'n=1, {literal}',
      at: ['2026-01-15T11:59:59.000Z', '2026-01-15T12:00:00.000Z', '2026-01-15T12:00:00.000Z'],
      id: 'o-1/r-1/erased',
      trace: 't-1',
      meta: { a: [1, null], b: '12345678901234567890' },
      texts: 'final=true, big=12345678901234567890',
      list: [1],
      key: 'of a key',
      deep: { kept: null, number: 1 },
      raw: Buffer.from(text).toString('base64'),
    });
    expect(replyTo('in_progress', { in_progress: { status: 200, body: template } }).body).toMatchObject({
      final: false,
      at: ['2026-01-15T11:59:59.000Z', '2026-01-15T12:15:00.000Z'],
    });
  });

  test('several results: one that is not final stands for all, then one that is no success', () => {
    const platform = senderOf({ answers: {} });
    const { reply } = platform.parse(requestOf({ ...body, meta: 1 }));
    const statusOf = (...kinds: readonly string[]) => {
      const { status, final } = JSON.parse(reply(kinds.map(kind => resultOf(kind))).body) as {
        status: string;
        final: boolean;
      };
      return [status, final];
    };
    expect(statusOf('erased', 'in_progress')).toEqual(['in_progress', false]);
    expect(statusOf('in_progress', 'needs_review', 'erased')).toEqual(['needs_review', false]);
    expect(statusOf('no_match', 'erased', 'refused')).toEqual(['refused', true]);
    expect(() => reply([])).toThrow(expect.objectContaining({ code: 'internal', message: 'there is no result' }));
  });

  test('created later: has the answer for no match, unless settings name it; no other outcome has', () => {
    const answers = { no_match: { status: 204 } };
    expect(replyTo('created_later', answers).status).toBe(204);
    expect(replyTo('created_later', { ...answers, created_later: { status: 201 } }).status).toBe(201);
    expect(replyTo('refused', answers).status).toBe(200);
  });

  test('test and ignored messages: have answers of their own, never those of "*"', () => {
    const answers = { '*': { status: 202 }, ignored: { status: 204 } };
    const change = { test: '/test', otherwise: 'ignore' };
    const platform = senderOf({ ...change, answers });
    expect(platform.parse(requestOf({ ...body, meta: {}, test: true })).reply([])).toMatchObject({ status: 200 });
    expect(platform.parse(requestOf({ kind: 'else' })).reply([])).toMatchObject({ status: 204, body: '' });
    const without = senderOf({ ...change, answers: { '*': { status: 202 } } });
    expect(without.parse(requestOf({ kind: 'else' })).reply([])).toMatchObject({ status: 200 });
  });
});

describe('reply that says the same for open and erased', () => {
  test.each([
    [{ '*': { status: 200 } }, 'acknowledgement'],
    [{ '*': { status: 200, body: { ok: '{reference}' } } }, 'acknowledgement'],
    [{ '*': { status: 200, body: { done: '{final}' } } }, 'result'],
    [{ erased: { status: 200 }, '*': { status: 202 } }, 'result'],
    [{ erased: { status: 200 } }, 'result'],
    [{ erased: { status: 200 }, in_progress: { status: 200 } }, 'acknowledgement'],
  ])('%j: the platform gets an %s', (answers, mode) => {
    expect(senderOf({ answers }).responseMode).toBe(mode);
  });

  test('an outcome that the platform does not get: raises an alarm', async () => {
    const harness = harnessWith({ answers: { '*': { status: 200 } } });
    await harness.send(wire({ ...body, meta: 1, number: '' }));
    await harness.sweep(fixtureTime + 120_000);
    expect(await harness.receipts()).toMatchObject([{ state: 'not-identifiable' }]);
    expect(harness.alarms()).toEqual(['not-identifiable']);
  });

  const byVariable = { status: '{outcome}' };
  test.each([{ not_identifiable: { status: 'unknown' } }, { erased: byVariable, not_identifiable: byVariable }])(
    'an outcome that a callback tells with %j: raises none',
    async bodies => {
      const callback = { when: 'always', urls: '/back', bodies };
      const answers = { '*': { status: 200 } };
      const harness = harnessWith({ answers, callback, callbackOrigins: ['https://a.example'] });
      await harness.send(wire({ ...body, meta: 1, number: '', back: 'https://a.example/x' }));
      await harness.sweep(fixtureTime + 120_000);
      expect(harness.alarms()).toEqual([]);
    },
  );

  test('a result whose reply is the one for erased: raises an alarm too', async () => {
    const harness = harnessWith({ answers: { erased: { status: 200 }, not_identifiable: { status: 200 } } });
    await harness.send(wire({ ...body, meta: 1, number: '' }));
    expect(harness.alarms()).toEqual(['not-identifiable']);
  });
});

describe('status route', () => {
  const statusRequest = { method: 'GET', path: '/webhooks/sender/o-1', headers: { 'X-Key': current }, body: '' };

  test('variable that is absent: drops its key', async () => {
    const statusAnswers = { in_progress: { status: 200, body: { state: 'open', at: '{completed}' } } };
    const harness = harnessWith({ statusAnswers });
    harness.sandbox.outage('error');
    await harness.send(wire({ ...body, meta: 1 }));
    expect((await harness.send(statusRequest)).json).toEqual({ state: 'open' });
  });

  test('statusAnswers: give the reply, whatever the reply to the request was', async () => {
    const statusAnswers = { erased: { status: 200, body: { state: 'completed', n: '{count}' } } };
    const harness = harnessWith({ answers: { erased: { status: 201 } }, statusAnswers });
    expect((await harness.send(wire({ ...body, meta: 1 }))).status).toBe(201);
    expect(await harness.send(statusRequest)).toMatchObject({ status: 200, json: { state: 'completed', n: 1 } });
  });
});

function harnessWith(change: object): Harness {
  return createHarness({
    platforms: { sender: { ...section, ...change } },
    secrets: { 'erasure/platform/sender': JSON.stringify({ current }) },
    change: () => ({ sendCallback: async () => ({ kind: 'response', status: 200, headers: {}, body: '' }) }),
  });
}

function wire(sent: unknown) {
  const headers = { 'Content-Type': 'application/json', 'X-Key': current };
  return { path: '/webhooks/sender', headers, body: JSON.stringify(sent) };
}
