import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { genericSchema, resolveSettings } from '../../lambda/platforms/generic/schema.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import type { Wire } from '../support/event.ts';
import { untouchedStore } from '../support/forbidden-adapters.ts';
import { eventuallyHolds, flipped } from '../support/fuzz.ts';
import { createHarness, fixtureTime, type Harness, type HarnessOptions } from '../support/harness.ts';
import { callContext } from '../support/requests.ts';
import { spoiled } from '../support/settings.ts';
import { order, question } from './generic-messages.ts';

const current = 'a-signing-secret-of-the-shop';
const previous = 'the-signing-secret-of-before';
const body = JSON.stringify(order);
const seconds = String(fixtureTime / 1000);
const url = 'https://erasure.example.com/v1/webhooks/generic';

const plain = { kind: 'hmac', header: 'X-Signature', signs: '{body}', encoding: 'hex' };
const timed = {
  ...plain,
  signs: '{header:X-Time}:{body}',
  timestamp: { from: 'header:X-Time', unit: 's', toleranceSeconds: 300 },
};

function harnessWith(authentication: object, secret: object = { current }, options: HarnessOptions = {}): Harness {
  return createHarness({
    platforms: { generic: { authentication } },
    secrets: { 'erasure/platform/generic': JSON.stringify(secret) },
    ...options,
  });
}

function wire(headers: Wire['headers'], sent: string | Uint8Array = body): Wire {
  return { path: '/webhooks/generic', headers: { 'Content-Type': 'application/json', ...headers }, body: sent };
}

function mac(
  text: string,
  { key = current as string | Buffer, hash = 'sha256', encoding = 'hex' as const } = {},
): string {
  return createHmac(hash, key).update(text).digest(encoding);
}

describe('hmac authentication', () => {
  const bytes = Buffer.from('ab07'.repeat(8), 'hex');
  test.each([
    ['hex', plain, mac(body)],
    ['a prefix', { ...plain, value: 'sha256={signature}' }, `sha256=${mac(body)}`],
    ['braces around it', { ...plain, value: '{{x{signature}{{y' }, `{x${mac(body)}{y`],
    ['sha1', { ...plain, hash: 'sha1' }, mac(body, { hash: 'sha1' })],
    ['sha512', { ...plain, hash: 'sha512' }, mac(body, { hash: 'sha512' })],
    ['base64', { ...plain, encoding: 'base64' }, createHmac('sha256', current).update(body).digest('base64')],
    ['base64url', { ...plain, encoding: 'base64url' }, createHmac('sha256', current).update(body).digest('base64url')],
    ['the method and the URL', { ...plain, signs: '{method} {url}{body}' }, mac(`POST ${url}${body}`)],
    ['literal braces', { ...plain, signs: '{{x}{body}' }, mac(`{x}${body}`)],
  ])('%s: is accepted', async (_, authentication, signature) => {
    const harness = harnessWith(authentication);
    expect(await harness.send(wire({ 'X-Signature': signature }))).toMatchObject({ status: 200 });
    expect(await harness.receipts()).toMatchObject([{ authentication: { scheme: 'hmac', secret: 'current' } }]);
  });

  test.each([
    ['base64', bytes.toString('base64')],
    ['hex', bytes.toString('hex')],
    ['hex', bytes.toString('hex').toUpperCase()],
  ])('key in %s: is decoded', async (key, secret) => {
    const harness = harnessWith({ ...plain, key }, { current: secret });
    expect((await harness.send(wire({ 'X-Signature': mac(body, { key: bytes }) }))).status).toBe(200);
  });

  test.each([
    ['base64', Buffer.alloc(15, 7).toString('base64').padEnd(24, '=')],
    ['base64', 'not-base64-at-all-but-24-long'],
    ['hex', Buffer.alloc(15, 7).toString('hex')],
    ['text', 'too-short'],
    ['text', 'REPLACE_ME'],
  ])('key in %s that is unusable: 503 and an alarm', async (key, secret) => {
    const harness = harnessWith({ ...plain, key }, { current: secret });
    expect((await harness.send(wire({ 'X-Signature': mac(body) }))).status).toBe(503);
    expect(harness.alarms()).toEqual(['secret-unusable']);
  });

  test.each([` ${mac(body)}`, `${mac(body)} `])('signature with white space (%j): is rejected', async signature => {
    const answer = await harnessWith(plain).send(wire({ 'X-Signature': signature }));
    expect(answer).toMatchObject({ status: 401, json: { error: { message: 'X-Signature: does not match' } } });
  });

  test('previous secret: is accepted and recorded', async () => {
    const harness = harnessWith(plain, { current, previous });
    expect((await harness.send(wire({ 'X-Signature': mac(body, { key: previous }) }))).status).toBe(200);
    expect(await harness.receipts()).toMatchObject([{ authentication: { secret: 'previous' } }]);
  });

  test('changed by one bit in body, time or signature: is rejected before anything is stored', async () => {
    const harness = harnessWith(timed, { current }, untouchedStore());
    const headers = { 'X-Time': seconds, 'X-Signature': mac(`${seconds}:${body}`) };
    await eventuallyHolds(
      fc.asyncProperty(fc.constantFrom('body', 'X-Time', 'X-Signature'), fc.nat(), async (part, at) => {
        const changed = flipped(part === 'body' ? body : headers[part as 'X-Time'], at);
        const sent =
          part === 'body' ? wire(headers, changed) : wire({ ...headers, [part]: changed.toString('latin1') });
        expect((await harness.send(sent)).status).toBe(401);
      }),
    );
  });

  test.each([
    ['is repeated', { 'X-Time': [seconds, seconds] }],
    ['is missing', {}],
  ])('signed header that %s: is rejected', async (_, headers) => {
    const harness = harnessWith(timed);
    expect((await harness.send(wire({ ...headers, 'X-Signature': mac(`${seconds}:${body}`) }))).status).toBe(401);
  });

  test.each([
    ['s', String(fixtureTime / 1000 - 300), 200],
    ['s', String(fixtureTime / 1000 - 301), 401],
    ['s', String(fixtureTime / 1000 + 301), 401],
    ['s', `${seconds}.0`, 401],
    ['ms', String(fixtureTime - 300_000), 200],
    ['ms', String(fixtureTime - 300_001), 401],
    ['rfc3339', '2026-01-15T12:04:59Z', 200],
    ['rfc3339', '2026-01-15T12:05:01Z', 401],
    ['rfc3339', '2026-01-15T12:00:00', 401],
  ])('time in %s, %s: status %i', async (unit, time, status) => {
    const harness = harnessWith({ ...timed, timestamp: { ...timed.timestamp, unit } });
    expect((await harness.send(wire({ 'X-Time': time, 'X-Signature': mac(`${time}:${body}`) }))).status).toBe(status);
  });

  test('URL with a query: what was signed is unknown, so it is rejected', async () => {
    const harness = harnessWith({ ...plain, signs: '{url}{body}' });
    const signature = mac(`${url}${body}`);
    expect((await harness.send(wire({ 'X-Signature': signature, Host: 'evil.example' }))).status).toBe(200);
    const withQuery = { ...wire({ 'X-Signature': signature }), query: 'a=1' };
    expect((await harness.send(withQuery)).status).toBe(401);
  });

  test('status route: exists only if the URL is signed', async () => {
    const signed = { ...plain, signs: '{url}{body}' };
    const status = { ...question('req-1'), headers: { 'X-Signature': mac(`${url}/req-1`) } };
    expect((await harnessWith(plain).send(status)).status).toBe(404);
    const harness = harnessWith(signed);
    await harness.send(wire({ 'X-Signature': mac(`${url}${body}`) }));
    expect(await harness.send(status)).toMatchObject({ status: 200, json: { status: 'erased', final: true } });
    expect((await harness.send({ ...status, path: '/webhooks/generic/req-2' })).status).toBe(401);
  });
});

describe('several signatures in one header', () => {
  // docs.svix.com, verifying webhooks manually: a list with spaces. Here the secret is text, as all of this file.
  const svix = { ...plain, value: 'v1,{signature}', separator: ' ' };
  // developer.moneybird.com and docs.surge.app, verifying signatures: a list with commas that also holds the time.
  const stripe = {
    ...plain,
    value: 't={timestamp},v1={signature}',
    separator: ',',
    signs: '{timestamp}.{body}',
    timestamp: { from: 'value', unit: 's', toleranceSeconds: 300 },
  };
  const [own, older, other] = [mac(body), mac(body, { key: previous }), mac(body, { key: 'another-key' })];
  const at = (time: string, key = current) => `v1=${mac(`${time}.${body}`, { key })}`;
  const bare = { ...plain, value: '{signature}', separator: ';' };
  const others = (count: number) => Array.from({ length: count }, (_, one) => mac(String(one)));

  test.each<[string, object, string, string]>([
    ['the first', svix, `v1,${own} v1,${other}`, 'current'],
    ['the second', svix, `v1,${other} v1,${own}`, 'current'],
    ['the only one', svix, `v1,${own}`, 'current'],
    ['that of the previous secret', svix, `v1,${other} v1,${older}`, 'previous'],
    ['those of both secrets', svix, `v1,${older} v1,${own}`, 'current'],
    ['one beside another version', svix, `v2,${other} v1,${own} v1a,${other}`, 'current'],
    ['one with the time', stripe, `t=${seconds},${at(seconds)}`, 'current'],
    ['the second with the time', stripe, `t=${seconds},v1=${other},${at(seconds)}`, 'current'],
    ['one before the time', stripe, `${at(seconds, previous)},t=${seconds}`, 'previous'],
    ['one after white space', stripe, `t=${seconds}, ${at(seconds)} , v0=${other}`, 'current'],
    ['one without a prefix', bare, `${other};${own}`, 'current'],
    ['the tenth', bare, [...others(9), own].join(';'), 'current'],
  ])('%s matches: is accepted', async (_, authentication, value, secret) => {
    const harness = harnessWith(authentication, { current, previous });
    expect((await harness.send(wire({ 'X-Signature': value }))).status).toBe(200);
    expect(await harness.receipts()).toMatchObject([{ authentication: { scheme: 'hmac', secret } }]);
  });

  const late = String(fixtureTime / 1000 - 301);
  test.each<[string, object, string]>([
    ['none', svix, `v1,${other} v1,${mac('x')}`],
    ['an empty list', svix, ''],
    ['empty parts', svix, 'v1, v1,'],
    ['one of another version', svix, `v2,${own} v1,${other}`],
    ['one with text after it', svix, `v1,${own}x`],
    ['one joined by another separator', svix, `v1,${own},v1,${other}`],
    ['the eleventh', bare, [...others(10), own].join(';')],
    ['no time', stripe, at(seconds)],
    ['two times', stripe, `t=${seconds},t=${seconds},${at(seconds)}`],
    ['another time, first', stripe, `t=${late},t=${seconds},${at(seconds)}`],
    ['an old time', stripe, `t=${late},${at(late)}`],
    ['a changed time', stripe, `t=${Number(seconds) + 1},${at(seconds)}`],
    ['a time that is no number', stripe, `t=${seconds}.0,${at(`${seconds}.0`)}`],
  ])('%s: is rejected', async (_, authentication, value) => {
    const harness = harnessWith(authentication, { current, previous });
    expect((await harness.send(wire({ 'X-Signature': value }))).status).toBe(401);
    expect(await harness.receipts()).toEqual([]);
  });

  test('two headers, and a separator that the settings do not have: are rejected', async () => {
    const harness = harnessWith(svix);
    expect((await harness.send(wire({ 'X-Signature': [`v1,${own}`, `v1,${own}`] }))).status).toBe(401);
    const single = harnessWith({ ...plain, value: 'v1,{signature}' });
    expect((await single.send(wire({ 'X-Signature': `v1,${own} v1,${other}` }))).status).toBe(401);
  });

  test('any form that settings accept: takes what it describes, and nothing with another signature', async () => {
    const literal = fc.constantFrom('', 'v1=', 'v1,', 't=', '{{', 'x');
    const parts = fc.array(fc.tuple(literal, fc.constantFrom('{signature}', '{timestamp}', ''), literal), {
      maxLength: 3,
    });
    const separators = fc.constantFrom<string | undefined>(' ', ',', ';', undefined);
    const count = { accepted: 0 };
    await eventuallyHolds(
      fc.asyncProperty(parts, separators, async (form, separator) => {
        const value = form.map(part => part.join('')).join(separator ?? '');
        const signs = value.includes('{timestamp}') ? '{timestamp}{body}' : '{body}';
        const authentication = { ...plain, value, signs, ...(separator === undefined ? {} : { separator }) };
        if (spoiled(all => Object.assign(all['platforms'], { generic: { authentication } })).length > 0) return;
        count.accepted += 1;
        const platform = openPlatforms({ generic: { authentication } }).get('generic')!;
        const header = (signature: string) =>
          value.replaceAll('{{', '{').replace('{signature}', signature).replace('{timestamp}', seconds);
        const proved = mac(signs.replace('{timestamp}', seconds).replace('{body}', body));
        const verify = (signature: string) => {
          const headers = new Map([['x-signature', [header(signature)]]]);
          const request = { method: 'POST', path: '/webhooks/generic', headers, rawBody: Buffer.from(body) };
          const context = callContext(async () => JSON.stringify({ current }));
          return platform.verify(request, { ...context, send: context.sendPublic });
        };
        await expect(verify(proved)).resolves.toMatchObject({ secret: 'current' });
        await expect(verify(other)).rejects.toMatchObject({ code: 'unauthorized' });
      }),
    );
    expect(count.accepted).toBeGreaterThan(0);
  });

  test('changed by one bit: is rejected', async () => {
    const value = Buffer.from(`t=${seconds},v1=${other},${at(seconds)}`);
    const harness = harnessWith(stripe);
    const matching = value.length - at(seconds).length;
    await eventuallyHolds(
      fc.asyncProperty(fc.constantFrom('t', 'v1'), fc.nat(), async (part, bit) => {
        const changed = Buffer.from(value);
        const [from, length] = part === 't' ? [0, seconds.length + 2] : [matching, value.length - matching];
        changed[from + ((bit >> 3) % length)]! ^= 1 << (bit & 7);
        expect((await harness.send(wire({ 'X-Signature': changed.toString('latin1') }))).status).toBe(401);
      }),
    );
  });
});

describe('several authentications', () => {
  const partial = { ...plain, signs: '{header:X-Id}' };
  const both = [partial, { kind: 'header', header: 'X-Key', secret: 'caller' }];
  const secret = {
    current,
    named: { caller: { current: 'the-named-secret-of-a-caller', previous: 'the-previous-one-of-a-caller' } },
  };
  const signed = { 'X-Id': '1', 'X-Signature': mac('1') };

  test.each<[Readonly<Record<string, string>>, number]>([
    [{ ...signed, 'X-Key': 'the-named-secret-of-a-caller' }, 200],
    [{ ...signed, 'X-Key': 'the-previous-one-of-a-caller' }, 200],
    [{ ...signed, 'X-Key': current }, 401],
    [{ ...signed }, 401],
    [{ 'X-Id': '2', 'X-Signature': mac('1'), 'X-Key': 'the-named-secret-of-a-caller' }, 401],
  ])('%j: status %i, since all must hold', async (headers, status) => {
    const harness = harnessWith(both, secret);
    expect((await harness.send(wire(headers))).status).toBe(status);
    const label = headers['X-Key']?.startsWith('the-previous') === true ? 'previous' : 'current';
    const authentication = { scheme: 'hmac+header', secret: label };
    expect(await harness.receipts()).toMatchObject(status === 200 ? [{ authentication }] : []);
  });

  test.each([{}, { other: { current: 'the-named-secret-of-a-caller' } }, { caller: { current: 'short' } }])(
    'named secret missing or unusable (%j): 503 and an alarm, whatever is sent',
    async named => {
      const harness = harnessWith(both, { current, named });
      expect((await harness.send(wire({}))).status).toBe(503);
      expect(harness.alarms()).toEqual(['secret-unusable']);
    },
  );

  test('Basic credentials beside a signature: are asked for too', async () => {
    const harness = harnessWith([partial, { kind: 'basic', secret: 'caller' }], {
      current,
      named: { caller: { current: 'form:the-named-secret-of-a-caller' } },
    });
    expect(await harness.send(wire({}))).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="erasure", charset="UTF-8"' },
      json: { error: { message: 'X-Signature, Authorization: do not match' } },
    });
  });

  test('status and withdrawal: have a route only if each authentication covers them', () => {
    const header = { kind: 'header', header: 'X-Key' };
    const routes = (...authentication: readonly object[]) => {
      const settings = authentication.length === 0 ? {} : { authentication };
      const platform = resolveSettings(v.parse(genericSchema, { ...settings, withdrawAnswers: {} }));
      return [platform.hasStatusRoute, platform.hasWithdrawalRoute];
    };
    const whole = { ...plain, signs: '{method}{url}{body}' };
    expect(routes(header)).toEqual([true, true]);
    expect(routes(whole, header)).toEqual([true, true]);
    expect(routes(header, plain)).toEqual([false, false]);
    expect(routes(header, { ...plain, signs: '{url}{body}' })).toEqual([true, false]);
    expect(routes({ kind: 'standard-webhooks' })).toEqual([true, false]);
    expect(routes()).toEqual([true, false]);
  });

  test('refusal: says the same whichever of them failed', async () => {
    const harness = harnessWith(both, secret);
    const [one, other] = [
      await harness.send(wire(signed)),
      await harness.send(wire({ 'X-Key': 'the-named-secret-of-a-caller' })),
    ];
    expect(one.json).toEqual({ error: { code: 'unauthorized', message: 'X-Signature, X-Key: do not match' } });
    expect(other.json).toEqual(one.json);
  });
});
