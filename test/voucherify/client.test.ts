import { describe, expect, it } from 'vitest';
import { type Voucherify, voucherify } from '../../lambda/voucherify/client.ts';
import type { Keys, ReadKeys } from '../../lambda/voucherify/keys.ts';
import { answer, notFound, scripted } from '../support/erasing-answers.ts';

const base = 'https://us1.api.voucherify.io';
const old: Keys = { appId: 'app-old', appToken: 'token-old' };
const rotated: Keys = { appId: 'app-new', appToken: 'token-new' };
const unauthorized = answer(401, { code: 401, key: 'unauthorized' });

/** Keys that are `fresh` only where that is asked for; remembers what was asked. */
function keysOf(cached: Keys | undefined, fresh: Keys | undefined): { readKeys: ReadKeys; asked: boolean[] } {
  const asked: boolean[] = [];
  const readKeys: ReadKeys = async options => {
    asked.push(options?.fresh ?? false);
    return options?.fresh === true ? fresh : cached;
  };
  return { readKeys, asked };
}

const each = [
  ['a look-up', (client: Voucherify) => client.lookUp('crm/1', 42)],
  ['a list', (client: Voucherify) => client.listByEmail('a@example.com', 3, 42)],
  ['a deletion', (client: Voucherify) => client.deletePermanently('cust_1', 42)],
] as const;

describe.each(each)('%s', (_, call) => {
  it('bears the keys, asks for JSON and pins the version', async () => {
    const { send, calls } = scripted(answer(200, {}));
    const reply = await call(voucherify(base, keysOf(old, rotated).readKeys, send));
    expect(reply).toEqual({ result: answer(200, {}), appId: 'app-old' });
    expect(calls).toHaveLength(1);
    expect(calls[0]).toEqual({
      method: _ === 'a deletion' ? 'POST' : 'GET',
      url: expect.objectContaining({ origin: base }),
      until: 42,
      headers: {
        Accept: 'application/json',
        'X-App-Id': 'app-old',
        'X-App-Token': 'token-old',
        'X-Voucherify-API-Version': 'v2018-08-01',
      },
    });
  });

  it('fetches refused keys afresh, and is made once more under the new ones', async () => {
    const { send, calls } = scripted(unauthorized, answer(404, notFound));
    const { readKeys, asked } = keysOf(old, rotated);
    expect(await call(voucherify(base, readKeys, send))).toEqual({ result: answer(404, notFound), appId: 'app-new' });
    expect(calls.map(({ headers }) => headers['X-App-Token'])).toEqual(['token-old', 'token-new']);
    expect(calls[1]).toMatchObject({ method: calls[0]?.method, url: calls[0]?.url, until: 42 });
    expect(asked).toEqual([false, true]);
  });

  it('is made twice at most, even when the new keys are refused as well', async () => {
    const { send, calls } = scripted(unauthorized, unauthorized);
    const { readKeys, asked } = keysOf(old, rotated);
    expect(await call(voucherify(base, readKeys, send))).toEqual({ result: unauthorized, appId: 'app-new' });
    expect(calls).toHaveLength(2);
    expect(asked).toEqual([false, true]);
  });

  it.each([
    ['the same keys again', { ...old }],
    ['no keys', undefined],
  ])('is not made again where fetching afresh brings %s', async (__, fresh) => {
    const { send, calls } = scripted(unauthorized);
    expect(await call(voucherify(base, keysOf(old, fresh).readKeys, send))).toEqual({
      result: unauthorized,
      appId: 'app-old',
    });
    expect(calls).toHaveLength(1);
  });

  it.each([
    ['another token', { ...old, appToken: 'token-new' }],
    ['another id', { ...old, appId: 'app-new' }],
  ])('is made again under %s alone', async (__, fresh) => {
    const { send, calls } = scripted(unauthorized, answer(200, {}));
    expect(await call(voucherify(base, keysOf(old, fresh).readKeys, send))).toMatchObject({ appId: fresh.appId });
    expect(calls[1]?.headers).toMatchObject({ 'X-App-Id': fresh.appId, 'X-App-Token': fresh.appToken });
  });

  it.each([200, 403, 404, 429, 500])('does not fetch keys afresh for %i', async status => {
    const { send } = scripted(answer(status, {}));
    const { readKeys, asked } = keysOf(old, rotated);
    await call(voucherify(base, readKeys, send));
    expect(asked).toEqual([false]);
  });

  it('is not made without keys', async () => {
    const { send, calls } = scripted();
    expect(await call(voucherify(base, keysOf(undefined, rotated).readKeys, send))).toEqual({
      result: { kind: 'no-keys' },
      appId: '',
    });
    expect(calls).toEqual([]);
  });

  it('gives no answer as it is, without asking for keys again', async () => {
    const lost = { kind: 'no-answer', code: 'timed-out', effect: 'possible' } as const;
    const { send } = scripted(lost);
    const { readKeys, asked } = keysOf(old, rotated);
    expect(await call(voucherify(base, readKeys, send))).toEqual({ result: lost, appId: 'app-old' });
    expect(asked).toEqual([false]);
  });
});
