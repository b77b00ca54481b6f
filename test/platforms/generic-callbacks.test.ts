import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { matchSignedMessage, parseSigningKeys } from '../../lambda/authentication/signed-body.ts';
import type { HttpCall, Send } from '../../lambda/io/http-client.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { callbackRequests, callContext, requestOf } from '../support/requests.ts';
import { callbackUrl, genericHarness, genericWire, order, signingSecret } from './generic-messages.ts';

const previous = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';

describe('a callback', () => {
  test('tells how it ended, once, signed with both secrets', async () => {
    const calls: HttpCall[] = [];
    const harness = genericHarness({ secret: { previous }, change: () => ({ sendCallback: keeping(calls) }) });
    harness.sandbox.outage('error');
    expect((await harness.send(genericWire({ ...order, callback_url: callbackUrl }))).status).toBe(202);
    harness.sandbox.outage(undefined);
    await harness.sweep(harness.clock.now + 120_000);
    await harness.sweep();
    const [receipt] = await harness.receipts();
    const [call, ...others] = calls;
    expect(others).toEqual([]);
    expect(call).toMatchObject({ method: 'POST', headers: { 'Content-Type': 'application/json' } });
    expect(call!.url.href).toBe(callbackUrl);
    const { deletions, ...sent } = JSON.parse(call!.body!) as { deletions: object[] };
    expect(sent).toEqual({
      request_id: 'req-1',
      receipt_id: receipt!.id,
      status: 'erased',
      final: true,
      completed_at: new Date(harness.clock.now).toISOString(),
    });
    expect(deletions).toMatchObject([{ project: 'main', status: 'DONE' }]);
    expect(deletions[0]).not.toHaveProperty('related_object_id');
    for (const current of [signingSecret, previous]) {
      expect(provedBy(call!, current, harness.clock.now)).toBe('current');
    }
    expect(call!.headers['webhook-id']).toBe(`${receipt!.id}:erased`);
  });

  test('is not owed when the answer said it all', async () => {
    const calls: HttpCall[] = [];
    const harness = genericHarness({ change: () => ({ sendCallback: keeping(calls) }) });
    expect((await harness.send(genericWire({ ...order, callback_url: callbackUrl }))).status).toBe(200);
    await harness.sweep(harness.clock.now + 120_000);
    expect(calls).toEqual([]);
  });

  test('goes to no origin that settings do not list', async () => {
    const harness = genericHarness();
    await harness.send(genericWire({ ...order, callback_url: 'https://evil.example/done' }));
    expect(harness.alarms()).toEqual(['callback-origin-refused']);
    expect(await harness.receipts()).toMatchObject([{ hasCallbacks: false }]);
  });

  test.each([
    ['header', 'in-house-current-secret-0001'],
    ['basic', 'form:current-secret-00000001'],
  ])('to a sender of the scheme %s is signed with the text of its secret', async (scheme, current) => {
    const { services, clock } = genericHarness({
      section: { authentication: { kind: scheme } },
      secret: { current },
    });
    const outcome = { kind: 'needs-review', expectedAt: clock.now } as const;
    const callbacks = [{ url: callbackUrl, headers: {} }];
    const notice = { reference: 'req-1', scope: '', receivedAt: 0, receiptId: 'receipt-1', outcome, callbacks };
    const context = callContext(async () => JSON.stringify({ current }), clock.now);
    const [call] = await services.platforms.get('generic')!.buildCallbacks(notice, context);
    expect(JSON.parse(call!.body)).toMatchObject({ request_id: 'req-1', status: 'needs_review', deletions: [] });
    const seconds = Math.floor(clock.now / 1000);
    const mac = createHmac('sha256', current)
      .update(`receipt-1:needs_review.${seconds}.${call!.body}`)
      .digest('base64');
    expect(call!.headers).toMatchObject({ 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${mac}` });
  });
});

function keeping(calls: HttpCall[], status = 204): Send {
  return async call => {
    calls.push(call);
    return { kind: 'response', status, headers: {}, body: '' };
  };
}

/** What a receiver with this secret makes of a callback. */
function provedBy({ headers, body }: HttpCall, current: string, now: number) {
  const message = {
    id: headers['webhook-id']!,
    timestamp: headers['webhook-timestamp']!,
    signature: headers['webhook-signature']!,
    body: Buffer.from(body!),
  };
  return matchSignedMessage(message, parseSigningKeys(JSON.stringify({ current })), now);
}

describe('callback of settings', () => {
  const origin = 'https://api.example.com';
  const section = {
    authentication: { kind: 'header', header: 'X-Key' },
    callbackOrigins: [origin],
    rules: [{ when: {}, do: 'erase' }],
    reference: '/id',
    identifiers: { '/number': 'source_id' },
    answers: { '*': { status: 202 } },
  };
  const callback = {
    method: 'PATCH',
    url: `${origin}/items/{/item}?ref={reference}`,
    headers: { 'x-api-key': 'Bearer {secret:apiKey}', 'x-token': '{kept:header:X-Token}' },
    delivered: [409],
    refused: [422],
    bodies: {
      erased: {
        done: '{final}',
        n: '{count}',
        item: '{/item}',
        to: '{callbackUrl}',
        flag: '{/flag}',
        no: '{/nothing}',
      },
      not_identifiable: { done: false },
    },
  };
  const current = 'the-static-secret-of-a-sender';
  const body = { id: 'o-1', number: 'crm-10042', item: 77, flag: true };
  /** Settings are JSON, so that what is undefined is absent. */
  const platformOf = (settings: object) =>
    openPlatforms({ generic: JSON.parse(JSON.stringify(settings)) as unknown }).get('generic')!;
  const platformWith = (change: object, more: object = {}) =>
    platformOf({ ...section, ...more, callback: { ...callback, ...change } });
  const targets = (change: object, sent: object, token = 'token-1') => {
    const headers = { 'content-type': 'application/json', 'x-token': token };
    const parsed = platformWith(change).parse(requestOf(sent, headers));
    return 'erase' in parsed ? parsed.erase[0]!.callbacks : [];
  };
  const failure = (message: string) => expect.objectContaining({ code: 'invalid', message });
  const outcome = { kind: 'erased', at: 0, deletions: [] } as const;
  const toDone = [{ url: `${origin}/done`, headers: {} }];
  const plain = { url: `${origin}/done`, headers: {}, bodies: undefined };

  test('target: has values only if the headers or bodies need some, and only scalars', () => {
    expect(targets(plain, body)).toStrictEqual([{ url: `${origin}/done`, headers: {} }]);
    expect(targets({}, { ...body, flag: { deep: 1 } })).toStrictEqual([
      { url: `${origin}/items/77?ref=o-1`, headers: {}, values: { '/item': 77, 'kept:header:X-Token': 'token-1' } },
    ]);
    const toList = { url: undefined, urls: '/back', headers: {}, bodies: undefined };
    const back = `${origin}/a`;
    expect(targets(toList, { ...body, back: [null, back, ''] })).toStrictEqual([{ url: back, headers: {} }]);
    expect(targets(toList, body)).toStrictEqual([]);
  });

  test('no callback: has no target, and no callback is built', async () => {
    const platform = platformOf(section);
    const parsed = platform.parse(requestOf(body));
    expect('erase' in parsed && parsed.erase[0]!.callbacks).toEqual([]);
    expect(await callbackRequests(platform, { outcome, callbacks: [] })).toEqual([]);
  });

  test.each([
    ['/item: cannot be part of the callback URL', {}, { ...body, item: '..' }, undefined],
    ['callback: cannot be part of the callback URL', { ...plain, url: `${origin}/a b` }, body, undefined],
    ['header:X-Token: is missing', {}, body, ''],
    ['header:X-Token: is missing', {}, body, 't\u00e9'],
    ['header:X-Token: is missing', {}, body, '\u00e9t'],
    ['callback: its values are larger than 4096 bytes', {}, { ...body, flag: 'x'.repeat(4096) }, undefined],
  ])('%s: the message names the place', (message, change, sent, token) => {
    expect(() => targets(change, sent, token)).toThrow(failure(message));
  });

  test('values of 4,096 bytes: are stored, and not of one more', () => {
    const bodies = { erased: '{/flag}' };
    const change = { ...plain, bodies };
    const length = 4096 - JSON.stringify({ '/flag': '' }).length;
    expect(targets(change, { ...body, flag: 'x'.repeat(length) })).toHaveLength(1);
    expect(() => targets(change, { ...body, flag: 'x'.repeat(length + 1) })).toThrow(
      failure('callback: its values are larger than 4096 bytes'),
    );
  });

  test('neither signed nor with a secret in its headers: does not need the secret', async () => {
    const kept = platformWith({ headers: { 'x-token': '{kept:header:X-Token}' } });
    const callbacks = [{ url: `${origin}/items/77`, headers: {} }];
    const [call] = await callbackRequests(kept, { outcome, callbacks });
    expect(call?.headers).toEqual({ 'Content-Type': 'application/json', 'x-token': '' });
    expect(kept.sweepNeedsSecret).toBe(false);
    kept.checkSecret(JSON.stringify({ current }));
    expect(platformWith({}).sweepNeedsSecret).toBe(true);
    expect(platformWith({ ...plain, sign: 'standard-webhooks' }).sweepNeedsSecret).toBe(true);
  });

  test('body that is only an absent value: is empty', async () => {
    const platform = platformWith({ ...plain, bodies: { erased: '{/nothing}' } });
    const [call] = await callbackRequests(platform, { outcome, callbacks: toDone });
    expect(call?.body).toBe('');
  });

  test('signed, and the sender has a named secret: is signed with that', async () => {
    const named = { caller: { current: 'the-named-secret-of-a-caller' } };
    const authentication = { ...section.authentication, secret: 'caller' };
    const platform = platformWith({ ...plain, sign: 'standard-webhooks' }, { authentication });
    const [call] = await callbackRequests(platform, { outcome, callbacks: toDone }, async () =>
      JSON.stringify({ named }),
    );
    const text = `${call!.headers['webhook-id']}.0.${call!.body}`;
    const mac = createHmac('sha256', named.caller.current).update(text).digest('base64');
    expect(call!.headers['webhook-signature']).toBe(`v1,${mac}`);
  });

  test('outcomes that the reply cannot express: all final ones if the callback is always due, otherwise none', () => {
    const all = ['erased', 'no-match', 'created-later', 'not-identifiable', 'refused'];
    expect(platformWith({ when: 'always' }).callbackOnlyOutcomes).toEqual(all);
    expect(platformWith({}).callbackOnlyOutcomes).toEqual([]);
  });

  const byOutcome = { '*': { status: 200, body: '{outcome}' } };
  const sameForAll = { '*': { status: 200 } };
  const { authentication, ...pulled } = section;
  const pull = { url: `${origin}/items`, list: '/items' };
  const bodied = (bodies: object) => ({ authentication, answers: sameForAll, callback: { ...plain, bodies } });
  test.each<[string, object, boolean, boolean]>([
    ['reply', { authentication, answers: byOutcome, callback: undefined }, false, true],
    ['reply that is the same for all', { authentication, answers: sameForAll, callback: undefined }, true, false],
    ['reply to a list', { authentication, answers: byOutcome, each: '/all', callback: undefined }, false, false],
    ['reply to an order that was pulled', { answers: byOutcome, authentication, pull, callback: plain }, false, false],
    ['callback', { authentication, answers: sameForAll, callback: plain }, true, true],
    ['callback, but without a target', { authentication, answers: sameForAll, callback: plain }, false, false],
    ['callback that has no body for it', bodied({ erased: 1 }), true, false],
    ['callback with the body for erased', bodied({ erased: 1, not_identifiable: 1 }), true, false],
    ['callback with another body', bodied({ erased: 1, not_identifiable: 2 }), true, true],
  ])('%s: tells an outcome or not', (_, change, hasCallbacks, tells) => {
    const platform = platformOf({ ...pulled, ...change });
    expect(platform.tells?.('not-identifiable', hasCallbacks)).toBe(tells);
  });

  test.each([
    [{}, false],
    [{ in_progress: { status: 503 } }, true],
    [{ in_progress: { status: 200 } }, false],
  ])('reply to an open erasure of %j: is an error, after which the sender sends again, %s', (answers, sendsAgain) => {
    expect(platformOf({ ...section, answers }).sendsAgain?.(true)).toBe(sendsAgain);
  });

  function opened(change: object = {}, status = 200, answers: object = section.answers) {
    const calls: HttpCall[] = [];
    const harness = genericHarness({
      section: { ...section, answers, callback: { ...callback, ...change } },
      secret: { current, named: { apiKey: { current: 'outbound-key' } } },
      change: () => ({ sendCallback: keeping(calls, status) }),
    });
    const send = (sent: object, headers: object = {}) => {
      const all = { 'Content-Type': 'application/json', 'X-Key': current, 'X-Token': 'token-1', ...headers };
      return harness.send({ path: '/webhooks/generic', headers: all, body: JSON.stringify(sent) });
    };
    const sweep = async (minutes: number) => {
      await harness.sweep(harness.clock.now + minutes * 60_000);
    };
    return { harness, calls, send, sweep };
  }

  test('is rendered from the message, the result and secrets, and its values are deleted when it is delivered', async () => {
    const { harness, calls, send, sweep } = opened();
    await send(body);
    const [receipt] = await harness.receipts();
    expect(JSON.stringify(receipt)).not.toMatch(/token-1|outbound-key|items/);
    expect(await harness.services.store.readPersonalData(receipt!.id)).toMatchObject({
      callbacks: [
        {
          url: `${origin}/items/77?ref=o-1`,
          headers: {},
          values: { '/item': 77, '/flag': true, 'kept:header:X-Token': 'token-1' },
        },
      ],
    });
    await sweep(2);
    await sweep(2);
    expect(calls).toMatchObject([
      {
        method: 'PATCH',
        headers: { 'x-api-key': 'Bearer outbound-key', 'x-token': 'token-1', 'Content-Type': 'application/json' },
      },
    ]);
    expect(calls[0]!.url.href).toBe(`${origin}/items/77?ref=o-1`);
    expect(JSON.parse(calls[0]!.body!)).toEqual({
      done: true,
      n: 1,
      item: 77,
      to: `${origin}/items/77?ref=o-1`,
      flag: true,
    });
    expect(await harness.services.store.readPersonalData(receipt!.id)).toBeUndefined();
  });

  test('a number of any size: keeps its exact digits', async () => {
    const { calls, harness, sweep } = opened();
    const text = JSON.stringify(body).replace('"flag":true', '"flag":12345678901234567890');
    const headers = { 'Content-Type': 'application/json', 'X-Key': current, 'X-Token': 'token-1' };
    await harness.send({ path: '/webhooks/generic', headers, body: text });
    await sweep(2);
    expect(JSON.parse(calls[0]!.body!)).toMatchObject({ flag: '12345678901234567890' });
  });

  test.each([
    [409, 1, []],
    [422, 1, ['callback-abandoned']],
    [404, 1, ['callback-abandoned']],
    [500, 2, []],
  ])('status %i: %i calls in two sweeps, alarms %j', async (status, count, alarms) => {
    const { harness, calls, send, sweep } = opened({}, status);
    await send(body);
    for (const _ of [1, 2, 3]) await sweep(2);
    expect(calls.length).toBeGreaterThanOrEqual(count);
    if (count === 1) expect(calls).toHaveLength(1);
    expect(harness.alarms()).toEqual(alarms);
  });

  test('outcome without a body: nothing is sent, and nothing is kept', async () => {
    const { harness, calls, send, sweep } = opened();
    await send({ ...body, number: 'nobody' });
    await sweep(2);
    await sweep(2);
    const [receipt] = await harness.receipts();
    expect(receipt).toMatchObject({ state: 'no-match', callbackState: { tries: 1 } });
    expect(calls).toEqual([]);
    expect(await harness.services.store.readPersonalData(receipt!.id)).toBeUndefined();
    expect(harness.alarms()).toEqual([]);
  });

  test.each([undefined, null, '', '.', '..', 'a/b', 'a b', '%2e%2e', 'x'.repeat(129), '?', '#', '@', {}, [1], 'é'])(
    'value %j in the URL: the message is refused with an alarm, and nothing is stored',
    async item => {
      const { harness, send } = opened();
      expect((await send({ ...body, item })).status).toBe(400);
      expect(harness.alarms()).toEqual(['request-rejected']);
      expect(await harness.receipts()).toEqual([]);
    },
  );

  test.each([
    ['a kept header that is missing', body, { 'X-Token': [] }],
    ['a kept header that is repeated', body, { 'X-Token': ['a', 'b'] }],
    ['values over 4 KiB', { ...body, flag: 'x'.repeat(4096) }, {}],
  ])('%s: the message is refused with an alarm', async (_, sent, headers) => {
    const { harness, send } = opened();
    expect((await send(sent, headers)).status).toBe(400);
    expect(harness.alarms()).toEqual(['request-rejected']);
  });

  test('outbound secret that is missing: the callback waits, and doctor finds it', async () => {
    const { harness, calls, send, sweep } = opened();
    await send(body);
    harness.secrets['erasure/platform/generic'] = JSON.stringify({ current });
    await sweep(2);
    expect(calls).toEqual([]);
    expect(harness.lines).toContainEqual(expect.objectContaining({ event: 'callback', alarm: 'secret-unusable' }));
    const platform = harness.services.platforms.get('generic')!;
    expect(() => platform.checkSecret(JSON.stringify({ current }))).toThrow('is not usable');
  });

  test('list of URLs: each gets the callback, and one of another origin is dropped with an alarm', async () => {
    const { harness, calls, send, sweep } = opened({ url: undefined, urls: '/back', headers: {} });
    await send({ ...body, back: [`${origin}/a`, `${origin}/b`, 'https://evil.example/c'] });
    await sweep(2);
    expect(calls.map(({ url }) => url.href)).toEqual([`${origin}/a`, `${origin}/b`]);
    expect(calls.map(call => (JSON.parse(call.body!) as { to: string }).to)).toEqual([`${origin}/a`, `${origin}/b`]);
    expect(harness.alarms()).toEqual(['callback-origin-refused']);
  });

  test.each([
    ['late', 0],
    ['always', 1],
  ])('%s: %i calls after a reply that was final', async (when, count) => {
    const { calls, send, sweep } = opened({ when }, 200, { erased: { status: 200 } });
    expect((await send(body)).status).toBe(200);
    await sweep(2);
    expect(calls).toHaveLength(count);
  });
});
