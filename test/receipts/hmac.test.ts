import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Identity } from '../../lambda/domain/erasure.ts';
import { createPseudonymizer, minPepperLength } from '../../lambda/receipts/hmac.ts';

const pepper = 'p'.repeat(minPepperLength);
const hmacs = createPseudonymizer(pepper);
const seeded = { seed: 20261124, numRuns: 1000 };

describe('pepper', () => {
  test.each(['', 'REPLACE_ME', 'p'.repeat(minPepperLength - 1)])('%j: is too short and not echoed', short => {
    expect(() => createPseudonymizer(short)).toThrow(
      expect.objectContaining({ code: 'unavailable', alarm: 'pepper-unusable', message: 'the pepper is not usable' }),
    );
  });

  test('pseudonyms: all depend on it', () => {
    const others = createPseudonymizer(`${pepper}p`);
    const identifier = { kind: 'email', value: 'ada@example.com' } as const;
    expect(others.receipt('ketch', 'axonic', 'r')).not.toBe(hmacs.receipt('ketch', 'axonic', 'r'));
    expect(others.subject(identifier)).not.toBe(hmacs.subject(identifier));
    expect(others.payload([])).not.toBe(hmacs.payload([]));
    expect(others.appId('a')).not.toBe(hmacs.appId('a'));
  });
});

describe('pseudonym', () => {
  test('value: is stable, 256 bits and reveals nothing', () => {
    const all = (one: typeof hmacs) => [
      one.receipt('ketch', 'axonic', 'ada@example.com'),
      one.payload([{ space: 'email', format: 'raw', value: 'ada@example.com' }]),
      one.subject({ kind: 'email', value: 'ada@example.com' }),
      one.appId('app-1'),
    ];
    expect(all(hmacs)).toEqual(all(createPseudonymizer(pepper)));
    for (const mac of all(hmacs)) expect(mac).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test('kinds: differ for the same parts', () => {
    const texts = ['a', 'email', 'receipt', 'payload', 'subject', 'app-id', '', 'a","b', '[]'];
    const seen = new Map<string, string>();
    const put = (name: string, mac: string) => {
      expect(seen.get(mac) ?? name).toBe(name);
      seen.set(mac, name);
    };
    for (const a of texts) {
      put(`app ${a}`, hmacs.appId(a));
      for (const kind of ['customer_id', 'source_id', 'email', 'phone'] as const) {
        put(`subject ${kind} ${a}`, hmacs.subject({ kind, value: a }));
      }
      for (const b of texts) {
        put(`payload ${a} ${b}`, hmacs.payload([{ space: a, format: b, value: 'x' }]));
        for (const c of texts) put(`receipt ${a}|${b}|${c}`, hmacs.receipt(a, b, c));
      }
    }
    expect(seen.size).toBe(texts.length * (1 + 4 + texts.length + texts.length ** 2));
  });

  test('parts: are not ambiguous when joined', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ',', '"', '[', ']', '\\', ':'), maxLength: 4 });
    fc.assert(
      fc.property(fc.tuple(text, text, text), fc.tuple(text, text, text), (one, other) => {
        const same = one.every((part, index) => part === other[index]);
        expect(hmacs.receipt(...one) === hmacs.receipt(...other)).toBe(same);
      }),
      seeded,
    );
  });
});

describe('pseudonym of a subject', () => {
  const plain = hmacs.subject({ kind: 'email', value: 'ada@example.com' });

  test.each(['Ada@Example.COM', '  ada@example.com\n'])('%j: is the same for every spelling', value => {
    expect(hmacs.subject({ kind: 'email', value })).toBe(plain);
  });

  test.each(['source_id', 'customer_id', 'phone'] as const)('%s: is used verbatim', kind => {
    const verbatim = hmacs.subject({ kind, value: 'ada@example.com' });
    for (const value of ['Ada@example.com', ' ada@example.com', 'ada@example.com ']) {
      expect(hmacs.subject({ kind, value })).not.toBe(verbatim);
    }
  });
});

describe('pseudonym of a payload', () => {
  const identity: fc.Arbitrary<Identity> = fc.record({
    space: fc.constantFrom('email', 'account_id'),
    format: fc.constantFrom('raw', 'md5'),
    value: fc.string({ maxLength: 3 }),
  });
  const inOrder = (identities: readonly Identity[]) =>
    JSON.stringify(identities.map(({ space, format, value }) => JSON.stringify([space, format, value])).toSorted());

  test('order: does not matter, everything else does', () => {
    const few = fc.array(identity, { maxLength: 3 });
    fc.assert(
      fc.property(few, few, (one, other) => {
        expect(hmacs.payload(one.toReversed())).toBe(hmacs.payload(one));
        expect(hmacs.payload(one) === hmacs.payload(other)).toBe(inOrder(one) === inOrder(other));
      }),
      seeded,
    );
  });

  test('lone surrogate: differs from the replacement character', () => {
    const of = (value: string) => hmacs.payload([{ space: 's', format: 'f', value }]);
    expect(of('\ud800')).not.toBe(of('\ufffd'));
    expect(of('\ud800')).not.toBe(of('\udfff'));
  });
});

test('stored pseudonyms, formula: never changes, because receipts and look-up rows are found by it', () => {
  const of = (...parts: readonly unknown[]) =>
    createHmac('sha256', pepper).update(JSON.stringify(parts)).digest('base64url');
  expect(hmacs.receipt('ketch', 'shop', 'r-1')).toBe(of('receipt', 'ketch', 'shop', 'r-1'));
  const identity = { space: 'email', format: 'raw', value: 'ada@example.com' };
  expect(hmacs.payload([identity])).toBe(of('payload', [JSON.stringify(['email', 'raw', 'ada@example.com'])]));
  expect(hmacs.subject({ kind: 'source_id', value: 'crm-1' })).toBe(of('subject', 'source_id', 'crm-1'));
  expect(hmacs.appId('app')).toBe(of('app-id', 'app'));
  expect(hmacs.delivery('ketch', 'd-1')).toBe(of('delivery', 'ketch', 'd-1'));
  expect(hmacs.event('main', 'e-1')).toBe(of('event', 'main', 'e-1'));
});
