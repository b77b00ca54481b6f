import { describe, expect, it } from 'vitest';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import type { VoucherifyClient } from '../../lambda/voucherify/client.ts';
import type { ApiKey } from '../../lambda/voucherify/credentials.ts';
import { answer, notFound, scripted } from '../support/erasing-answers.ts';
import { callsTo, erasingHouse, start } from '../support/erasing-house.ts';

const until = start + 60_000;
const old: ApiKey = { appId: 'app-old', appToken: 'token-old' };
const rotated: ApiKey = { appId: 'app-new', appToken: 'token-new' };
const unauthorized = answer(401, { code: 401, key: 'unauthorized' });

interface Opened {
  readonly client: VoucherifyClient;
  readonly calls: readonly HttpCall[];
  /** Whether each look at the secret was for a fresh one. */
  readonly asked: readonly boolean[];
}

/** A client whose secret is cached as one thing and freshly read as another. */
function opened(cached: ApiKey | undefined, fresh: ApiKey | undefined, ...answers: readonly HttpResult[]): Opened {
  const { send, calls } = scripted(...answers);
  const asked: boolean[] = [];
  const readSecret = async (_: string, how: { readonly fresh?: boolean } = {}) => {
    asked.push(how.fresh ?? false);
    return JSON.stringify((how.fresh === true ? fresh : cached) ?? {});
  };
  return { client: callsTo(erasingHouse({ change: () => ({ send, readSecret }) })), calls, asked };
}

const each = [
  ['a look-up', (client: VoucherifyClient) => client.lookUp('crm/1', until)],
  ['a list', (client: VoucherifyClient) => client.listByEmail('a@example.com', 3, until)],
  ['a deletion', (client: VoucherifyClient) => client.deletePermanently('cust_1', until)],
] as const;

describe.each(each)('%s', (_, call) => {
  it('bears the keys, asks for JSON and pins the version', async () => {
    const { client, calls } = opened(old, rotated, answer(200, {}));
    const reply = await call(client);
    expect(reply).toEqual({ result: answer(200, {}), appId: 'app-old' });
    expect(calls).toHaveLength(1);
    expect(calls[0]).toEqual({
      method: _ === 'a deletion' ? 'POST' : 'GET',
      url: expect.objectContaining({ origin: 'https://main.api.voucherify.io' }),
      until,
      ...(_ === 'a list' ? { maxResponseBytes: 4_194_304 } : {}),
      ...(_ === 'a deletion' ? {} : { repeatable: true }),
      headers: {
        Accept: 'application/json',
        'X-App-Id': 'app-old',
        'X-App-Token': 'token-old',
        'X-Voucherify-API-Version': 'v2018-08-01',
      },
    });
  });

  it('fetches refused keys afresh, and is made once more under the new ones', async () => {
    const { client, calls, asked } = opened(old, rotated, unauthorized, answer(404, notFound));
    expect(await call(client)).toEqual({ result: answer(404, notFound), appId: 'app-new' });
    expect(calls.map(({ headers }) => headers['X-App-Token'])).toEqual(['token-old', 'token-new']);
    expect(calls[1]).toMatchObject({ method: calls[0]?.method, url: calls[0]?.url, until });
    expect(asked).toEqual([false, true]);
  });

  it('is made twice at most, even when the new keys are refused as well', async () => {
    const { client, calls, asked } = opened(old, rotated, unauthorized, unauthorized);
    expect(await call(client)).toEqual({ result: unauthorized, appId: 'app-new' });
    expect(calls).toHaveLength(2);
    expect(asked).toEqual([false, true]);
  });

  it.each([
    ['the same keys again', { ...old }],
    ['no keys', undefined],
  ])('is not made again where fetching afresh brings %s', async (__, fresh) => {
    const { client, calls } = opened(old, fresh, unauthorized);
    expect(await call(client)).toEqual({
      result: unauthorized,
      appId: 'app-old',
    });
    expect(calls).toHaveLength(1);
  });

  it.each([
    ['another token', { ...old, appToken: 'token-new' }],
    ['another id', { ...old, appId: 'app-new' }],
  ])('is made again under %s alone', async (__, fresh) => {
    const { client, calls } = opened(old, fresh, unauthorized, answer(200, {}));
    expect(await call(client)).toMatchObject({ appId: fresh.appId });
    expect(calls[1]?.headers).toMatchObject({ 'X-App-Id': fresh.appId, 'X-App-Token': fresh.appToken });
  });

  it.each([200, 403, 404, 429, 500])('does not fetch keys afresh for %i', async status => {
    const { client, asked } = opened(old, rotated, answer(status, {}));
    await call(client);
    expect(asked).toEqual([false]);
  });

  it('is not made without keys', async () => {
    const { client, calls } = opened(undefined, rotated);
    expect(await call(client)).toEqual({
      result: { kind: 'no-credentials' },
      appId: '',
    });
    expect(calls).toEqual([]);
  });

  it('gives no answer as it is, without asking for keys again', async () => {
    const lost = { kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true } as const;
    const { client, asked } = opened(old, rotated, lost);
    expect(await call(client)).toEqual({ result: lost, appId: 'app-old' });
    expect(asked).toEqual([false]);
  });
});
