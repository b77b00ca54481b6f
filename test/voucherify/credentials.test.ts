import { describe, expect, it } from 'vitest';
import { apiKeyCredentials } from '../../lambda/voucherify/credentials.ts';
import { answer } from '../support/erasing-answers.ts';
import { newKeys, oldKeys, prove, tokenHouse, until } from '../support/pace-tokens.ts';

describe('an application key', () => {
  it('proves by its two headers, and is read afresh once it was refused', async () => {
    const looks: unknown[] = [];
    const proving = apiKeyCredentials(async options => {
      looks.push(options);
      return oldKeys;
    });
    const send = async () => answer(500, '');
    const expected = {
      kind: 'credentials',
      appId: 'app-old',
      headers: { 'X-App-Id': 'app-old', 'X-App-Token': 'token-old' },
    };
    const credentials = await proving(send, until);
    expect(credentials).toEqual(expected);
    if (credentials.kind === 'credentials') expect(await proving(send, until, credentials)).toEqual(expected);
    expect(looks).toEqual([{ fresh: false }, { fresh: true }]);
    expect(await apiKeyCredentials(async () => undefined)(send, until)).toEqual({ kind: 'no-credentials' });
  });
});

describe('a token', () => {
  it('is asked for as the documentation says, and opens the customers', async () => {
    const house = tokenHouse();
    const proving = await prove(house);
    expect(house.calls).toHaveLength(1);
    expect(house.calls[0]).toEqual({
      method: 'POST',
      url: new URL('https://api.voucherify.io/v1/oauth/token'),
      headers: {
        Accept: 'application/json',
        'Content-Type': 'application/x-www-form-urlencoded',
        'X-App-Id': 'app-old',
        'X-App-Token': 'token-old',
      },
      body: 'grant_type=client_credentials&scope=customers',
      until,
      repeatable: true,
    });
    expect(proving).toEqual({
      kind: 'credentials',
      appId: 'app-old',
      headers: { Authorization: expect.stringMatching(/^Bearer \S{20,}$/) },
    });
    expect(await house.status(proving)).toBe(404);
  });

  it('is shared until a minute before it ends, and then there is one new one', async () => {
    const house = tokenHouse();
    const first = await prove(house);
    house.clock.now += 839_999;
    expect(await prove(house)).toBe(first);
    expect(await house.status(first)).toBe(404);
    house.clock.now += 1;
    const second = await prove(house);
    expect(second).not.toEqual(first);
    expect(await prove(house)).toBe(second);
    expect(house.calls).toHaveLength(2);
  });

  it('is asked for once by fifty who come at once', async () => {
    const house = tokenHouse();
    const all = await Promise.all(Array.from({ length: 50 }, () => prove(house)));
    expect(new Set(all).size).toBe(1);
    expect(house.calls).toHaveLength(1);
  });

  it('that was refused is replaced once for all who hold it, however late they find out', async () => {
    const house = tokenHouse();
    const refused = await prove(house);
    const together = await Promise.all([prove(house, refused), prove(house, refused), prove(house)]);
    expect(new Set(together).size).toBe(1);
    expect(together[0]).not.toEqual(refused);
    expect(await prove(house, refused)).toBe(together[0]);
    expect(house.calls).toHaveLength(2);
    expect(house.looks).toEqual([false, true]);
  });

  it('that was refused is not used again when there is no new one', async () => {
    const house = tokenHouse();
    const refused = await prove(house);
    house.sandbox.outage('error');
    expect(await prove(house, refused)).toEqual({ kind: 'held', code: 'token-500' });
    house.sandbox.outage(undefined);
    expect(await house.status(await prove(house))).toBe(404);
  });

  it('of a key that was rotated is asked for with the new key', async () => {
    const house = tokenHouse();
    const first = await prove(house);
    house.sandbox.revoke('app-old');
    house.sandbox.addKey({ ...newKeys, project: 'main' });
    house.secret.newest = newKeys;
    expect(await house.status(first)).toBe(401);
    const second = await prove(house, first);
    expect(second).toMatchObject({ appId: 'app-new' });
    expect(await house.status(second)).toBe(404);
    expect(house.calls).toHaveLength(2);
  });

  it('that a stale key asks for in vain is asked for again with the newest one', async () => {
    const house = tokenHouse();
    house.sandbox.addKey({ ...oldKeys, appToken: 'regenerated', project: 'main' });
    house.secret.newest = { ...oldKeys, appToken: 'regenerated' };
    expect(await house.status(await prove(house))).toBe(404);
    expect(house.calls.map(({ headers }) => headers['X-App-Token'])).toEqual(['token-old', 'regenerated']);
    expect(house.looks).toEqual([false, true]);
  });

  it.each([
    ['the same', oldKeys],
    ['none', undefined],
  ])('is not asked for again where the newest key is %s: that is its 401', async (_, newest) => {
    const house = tokenHouse();
    house.sandbox.revoke('app-old');
    house.secret.newest = newest;
    expect(await prove(house)).toMatchObject({ kind: 'answer', status: 401 });
    expect(house.calls).toHaveLength(1);
  });

  it('is not asked for without a key', async () => {
    const house = tokenHouse();
    house.secret.cached = undefined;
    expect(await prove(house)).toEqual({ kind: 'no-credentials' });
    expect(house.calls).toEqual([]);
  });

  it('that ends at once serves those who asked for it, and nobody after them', async () => {
    const house = tokenHouse();
    let issued = 0;
    house.meddle = () => {
      issued += 1;
      return answer(200, { access_token: `token${issued}`, expires_in: 30 });
    };
    const both = await Promise.all([prove(house), prove(house)]);
    expect(both[0]).toMatchObject({ headers: { Authorization: 'Bearer token1' } });
    expect(both[1]).toBe(both[0]);
    expect(await prove(house)).toMatchObject({ headers: { Authorization: 'Bearer token2' } });
  });
});
