import { describe, expect, it } from 'vitest';
import { answer, done, notFound, pin } from '../support/erasing-answers.ts';
import { minute, second } from '../support/pace-heard.ts';
import { prove, tokenHouse, until } from '../support/pace-tokens.ts';

describe('no token', () => {
  it.each([
    ['down', 'token-connection-lost'],
    ['hang', 'token-timed-out'],
    ['error', 'token-500'],
  ] as const)(
    'comes from an endpoint that is %s: that did nothing to a customer, and is asked again',
    async (mode, code) => {
      const house = tokenHouse();
      house.sandbox.outage(mode);
      expect(await Promise.all([prove(house), prove(house)])).toEqual([
        { kind: 'held', code },
        { kind: 'held', code },
      ]);
      expect(house.calls).toHaveLength(1);
      house.sandbox.outage(undefined);
      house.clock.now += second;
      expect(await prove(house)).toMatchObject({ kind: 'credentials' });
    },
  );

  it.each([401, 402, 403, 429])('but its refusal is handed on for %i, which holds for customers too', async status => {
    const house = tokenHouse();
    house.meddle = () => answer(status, { code: status });
    expect(await prove(house)).toEqual(answer(status, { code: status }));
  });

  it.each<[string, number, unknown]>([
    ['a deletion', 200, { ...done, related_object_id: pin }],
    ['a customer', 200, { id: pin, object: 'customer' }],
    ["a customer's 404", 404, notFound],
    ['a bad scope', 400, { code: 400, key: 'invalid_scope' }],
    ['a page', 200, '<!doctype html><html></html>'],
    ['nothing', 200, ''],
    ['no token', 200, { expires_in: 900 }],
    ['an empty token', 200, { access_token: '', expires_in: 900 }],
    ['a token with a line break', 200, { access_token: 'a\r\nX-Evil: 1', expires_in: 900 }],
    ['a token with a space', 200, { access_token: 'a b', expires_in: 900 }],
    ['a token in another alphabet', 200, { access_token: 'tökén', expires_in: 900 }],
    ['no end', 200, { access_token: 'a' }],
    ['an end that is over', 200, { access_token: 'a', expires_in: 0 }],
    ['an end in words', 200, { access_token: 'a', expires_in: '900' }],
    ['a token under another status', 201, { access_token: 'a', expires_in: 900 }],
    ['a token that is not there', 404, { access_token: 'a', expires_in: 900 }],
  ])('is read from %s', async (_, status, body) => {
    const house = tokenHouse();
    house.meddle = () => answer(status, body);
    expect(await prove(house)).toEqual({ kind: 'held', code: `token-${status}` });
  });

  it('is asked for while the gate holds, and the gate says until when', async () => {
    const house = tokenHouse();
    const held = { kind: 'held', code: 'voucherify-429', until: house.clock.now + minute } as const;
    expect(await house.prove(async () => held, until)).toEqual(held);
    expect(await prove(house)).toMatchObject({ kind: 'credentials' });
  });
});
