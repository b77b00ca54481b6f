import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPlainValue, isUsable, maxIdentifierLength } from '../../lambda/erasure.ts';
import type { HttpCall } from '../../lambda/io/outbound.ts';
import { deletionUrl } from '../../lambda/voucherify/client.ts';
import { answer } from '../support/erasing-answers.ts';
import { callsTo, erasingHouse, start } from '../support/erasing-house.ts';

const base = 'https://api.voucherify.io';
const until = start + 60_000;

/** The calls of a client and where they went. */
function recording() {
  const calls: HttpCall[] = [];
  const house = erasingHouse();
  house.meddle = call => {
    calls.push(call);
    return answer(200, {});
  };
  return { client: callsTo(house), calls };
}

/** What has broken URLs before, and any UTF-16 code unit, lone surrogates among them. */
const hazards = [
  '.',
  '..',
  '/',
  '\\',
  '%',
  '%2e',
  '%2F',
  '%2E%2E',
  '?',
  '#',
  ';',
  '@',
  ':',
  '\0',
  '\n',
  '\ud800',
  '🙂',
];
const unit = fc.oneof(
  fc.constantFrom(...hazards),
  fc.integer({ min: 0, max: 0xffff }).map(code => String.fromCharCode(code)),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  fc.constantFrom('a', 'ö', ' ', '+', '&', '='),
);
const anyId = fc.array(unit, { maxLength: 12 }).map(services => services.join(''));

describe('the URL of a permanent deletion', () => {
  it('names exactly the id in one segment of its own, or there is none', () => {
    let named = 0;
    fc.assert(
      fc.property(anyId, id => {
        let url: URL;
        try {
          url = deletionUrl(base, id);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          expect(isPlainValue(id)).toBe(false);
          return;
        }
        named += 1;
        expect(url.origin).toBe(base);
        expect(url.href).toBe(`${base}${url.pathname}`);
        const segment = /^\/v1\/customers\/([^/]+)\/permanent-deletion$/.exec(url.pathname)?.[1];
        expect(decodeURIComponent(segment ?? '')).toBe(id);
      }),
      { seed: 20261124, numRuns: 10_000 },
    );
    expect(named).toBeGreaterThan(1000);
  });

  it.each([
    '',
    ' ',
    '\t',
    '\u00a0',
    '.',
    '..',
    'a\0b',
    'a\nb',
    '\u007f',
    '\u0085',
    '\ud800',
    'a\udfff',
    'x'.repeat(513),
  ])('does not exist for %j, and the error does not name it', id => {
    expect(() => deletionUrl(base, id)).toThrow(new RangeError('customer id: cannot stand in a path'));
  });

  it.each([
    ['a/b', 'a%2Fb'],
    ['../../x', '..%2F..%2Fx'],
    ['%2e%2e', '%252e%252e'],
    ['a\\..\\b', 'a%5C..%5Cb'],
    ['?x#y', '%3Fx%23y'],
    ['...', '...'],
    ['Zoë 🙂', 'Zo%C3%AB%20%F0%9F%99%82'],
    ['zoe\u0308', 'zoe%CC%88'],
    ['x'.repeat(maxIdentifierLength), 'x'.repeat(maxIdentifierLength)],
  ])('of %j holds it encoded', (id, segment) => {
    expect(deletionUrl(base, id).href).toBe(`${base}/v1/customers/${segment}/permanent-deletion`);
  });
});

describe('the other calls', () => {
  it('name exactly the value as well, or are not made', async () => {
    const { client, calls } = recording();
    const made = async (call: () => Promise<unknown>) => await call();
    await fc.assert(
      fc.asyncProperty(anyId, fc.integer({ min: 1, max: 99 }), async (value, page) => {
        calls.length = 0;
        const [lookUp, list] = [() => client.lookUp(value, until), () => client.listByEmail(value, page, until)];
        if (isPlainValue(value)) await lookUp();
        else await expect(made(lookUp)).rejects.toThrow(RangeError);
        const [one] = calls.splice(0).map(call => call.url);
        if (isPlainValue(value)) {
          expect(decodeURIComponent(/^\/v1\/customers\/([^/]+)$/.exec(one?.pathname ?? '')?.[1] ?? '')).toBe(value);
        }
        expect(`${one?.search ?? ''}${one?.hash ?? ''}`).toBe('');
        if (isUsable({ kind: 'email', value })) await list();
        else await expect(made(list)).rejects.toThrow(RangeError);
        expect(calls.map(({ url }) => [url.pathname, Object.fromEntries(url.searchParams)])).toEqual(
          isUsable({ kind: 'email', value })
            ? [['/v1/customers', { email: value, limit: expect.stringMatching(/^\d+$/), page: String(page) }]]
            : [],
        );
      }),
      { seed: 20261124, numRuns: 2000 },
    );
  });

  it('ask for an e-mail address with its line break, since it may be stored so', async () => {
    const { client, calls } = recording();
    await client.listByEmail('ada@example.com\r\n', 1, until);
    expect(calls[0]?.url.search).toMatch(/^\?email=ada%40example\.com%0D%0A&/);
  });

  it('write a plus sign so that it is not read as a space', async () => {
    const { client, calls } = recording();
    await client.listByEmail('ada+shop@example.com', 1, until);
    expect(calls[0]?.url.search).toMatch(/^\?email=ada%2Bshop%40example\.com&limit=\d+&page=1$/);
  });
});
