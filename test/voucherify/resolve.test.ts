import { describe, expect, test } from 'vitest';
import type { LookUpResults } from '../../lambda/domain/erasure.ts';
import { countLookUpCalls, type Identifier } from '../../lambda/domain/identifiers.ts';
import type { VoucherifyClient } from '../../lambda/voucherify/client.ts';
import { resolve, withoutFound } from '../../lambda/voucherify/resolve.ts';
import {
  ada,
  ben,
  cleo,
  clientOf,
  createHarness,
  type Harness,
  id,
  inReview,
  iso,
  one,
  sandboxResult,
  start,
} from '../support/harness.ts';
import { lost, response } from '../support/voucherify-responses.ts';

const hmac = (appId: string) => `hmac of ${appId}`;
const subjectHmac = ({ kind, value }: Identifier) => `hmac of ${kind} ${value}`;
const context = (voucherify: VoucherifyClient) => ({
  voucherify,
  appIdHmac: hmac,
  subjectHmac,
  until: start + 10_000,
  mostPages: 99,
});

/** Returns what the identifiers match in the sandbox. */
async function resolved(harness: Harness, identifiers: readonly Identifier[], maxCustomers = 5) {
  const request = { identifiers, submittedAt: start, maxCustomers };
  return (await resolve(request, context(clientOf(harness)))).resolved;
}

/** Returns the matching customers' ids and whether each was seen; otherwise the kind of the result. */
async function found(harness: Harness, identifiers: readonly Identifier[]) {
  const result = await resolved(harness, identifiers);
  return result.kind === 'found' ? result.candidates.map(candidate => [candidate.id, candidate.seen]) : result.kind;
}

describe('customer id', () => {
  test('is looked up by itself', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    expect(await found(harness, one('customer_id', ada))).toEqual([[ada, true]]);
  });

  test('unknown id: is deleted all the same, because the customer may be soft-deleted', async () => {
    const harness = createHarness({ customers: [{ id: ada }] });
    harness.sandbox.softDelete(ada);
    expect(await found(harness, one('customer_id', ada))).toEqual([[ada, false]]);
    expect(await found(harness, one('customer_id', ben))).toEqual([[ben, false]]);
  });

  test('source_id of another customer: not identifiable', async () => {
    const harness = createHarness({ customers: [{ id: ben, source_id: ada }] });
    expect(await found(harness, one('customer_id', ada))).toBe('not-identifiable');
  });
});

describe('source_id', () => {
  test('is compared exactly', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm/1 ä' }] });
    expect(await found(harness, one('source_id', 'crm/1 ä'))).toEqual([[ada, true]]);
    for (const other of ['CRM/1 ä', 'crm/1 Ä', 'crm/1 a\u0308', ' crm/1 ä', 'crm%2F1 ä', 'crm/1']) {
      expect(await found(harness, one('source_id', other)), other).toBe('no-match');
    }
  });

  test('form of a customer id: is looked up as a source_id', async () => {
    const harness = createHarness({ customers: [{ id: ben, source_id: ada }] });
    expect(await found(harness, one('source_id', ada))).toEqual([[ben, true]]);
  });

  test.each([
    ['another source_id', 'crm-1'],
    ['no source_id', undefined],
  ])('id of a customer with %s: identifies nobody', async (_, source_id) => {
    const harness = createHarness({ customers: [{ id: ada, ...(source_id === undefined ? {} : { source_id }) }] });
    expect(await found(harness, one('source_id', ada))).toBe('not-identifiable');
  });

  test('soft-deleted customer: no match', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    harness.sandbox.softDelete(ada);
    expect(await found(harness, one('source_id', 'crm-1'))).toBe('no-match');
  });

  test.each([
    ['source_id', 'crm-1'],
    ['customer_id', ada],
  ] as const)('response with neither this %s nor this id: proves nothing', async (kind, value) => {
    const harness = createHarness();
    for (const source_id of ['crm-2', null, undefined, 7]) {
      harness.intercept = () => response(200, { id: ben, source_id, created_at: iso(0) });
      const unproven = { kind: 'retry', code: 'unasked-customer', unproven: true, alarm: 'unproven-response' };
      expect(await resolved(harness, one(kind, value))).toMatchObject(unproven);
    }
  });

  test('customer whose source_id is the requested id in another spelling: proves nothing about that id', async () => {
    const harness = createHarness();
    harness.intercept = () => response(200, { id: ben, source_id: ada.toUpperCase(), created_at: iso(0) });
    expect(await resolved(harness, one('customer_id', ada))).toMatchObject({ kind: 'retry', code: 'unasked-customer' });
  });
});

describe('source_id that differs only in its spelling', () => {
  test('two letters for a sharp s: is another source_id', async () => {
    const harness = createHarness();
    harness.intercept = () => response(200, { id: ben, source_id: 'stra\u00dfe', created_at: iso(0) });
    expect(await resolved(harness, one('source_id', 'strasse'))).toMatchObject({ code: 'unasked-customer' });
  });

  test.each([
    ['case', 'crm-1', 'CRM-1'],
    ['type', '1', 1],
    ['type of any size', '12345678901234567890', 12_345_678_901_234_567_890n],
    ['Unicode normal form', 'zo\u00eb', 'zoe\u0308'],
  ])('%s: needs review, because it may be the same person', async (_, requested, stored) => {
    const harness = createHarness();
    const text = typeof stored === 'string' ? JSON.stringify(stored) : String(stored);
    harness.intercept = () => response(200, `{"id":"${ben}","source_id":${text},"created_at":"${iso(0)}"}`);
    expect(await resolved(harness, one('source_id', requested))).toEqual({ kind: 'refused' });
  });
});

describe('several identifiers', () => {
  const [unknown, phone] = [one('source_id', 'crm-9'), one('phone', '+1')];
  const all: readonly Identifier[] = [
    { kind: 'customer_id', value: ada },
    { kind: 'source_id', value: 'crm-1' },
    { kind: 'email', value: 'ada@example.com' },
  ];

  test('union: each customer once', async () => {
    const harness = createHarness({
      customers: [
        { id: ada, source_id: 'crm-1', email: 'ada@example.com' },
        { id: ben, email: 'ada@example.com' },
      ],
    });
    expect((await found(harness, all))?.toString().split(',').toSorted()).toEqual([ada, ben, 'true', 'true']);
  });

  test('customer that one look-up returns: is seen', async () => {
    const harness = createHarness({ customers: [{ id: ada, email: 'ada@example.com' }] });
    const unseen = one('customer_id', ada);
    harness.intercept = (call, pass) => {
      const gone = { kind: 'response', status: 404, headers: {} } as const;
      const notFound = JSON.stringify({ key: 'not_found', resource_type: 'customer' });
      return call.url.pathname.endsWith(ada) ? { ...gone, body: notFound } : pass();
    };
    const email = one('email', 'ada@example.com');
    expect(await found(harness, [...unseen, ...email])).toEqual([[ada, true]]);
    expect(await found(harness, [...email, ...unseen])).toEqual([[ada, true]]);
    expect(await found(harness, unseen)).toEqual([[ada, false]]);
  });

  test.each([
    ['none', [], 'not-identifiable'],
    ['only a phone', one('phone', '+1 555 010 0042'), 'not-identifiable'],
    ['only what cannot be looked up', one('source_id', ' '), 'not-identifiable'],
    ['one that can, and finds nobody', [...phone, ...unknown], 'no-match'],
    ['an unknown one beside an empty one', [...unknown, ...one('email', '')], 'not-identifiable'],
    ['an unknown one beside an address with a space', [...unknown, ...one('email', 'a @b.c')], 'not-identifiable'],
    ['an unknown one beside a malformed id', [...unknown, ...one('customer_id', 'cust-1')], 'not-identifiable'],
    ['an unknown one, a phone, a line break', [...unknown, ...phone, ...one('source_id', 'x\n')], 'not-identifiable'],
  ] as const)('%s', async (_, identifiers, kind) => {
    expect(await found(createHarness(), identifiers)).toBe(kind);
    expect(await found(createHarness(), identifiers.toReversed())).toBe(kind);
  });

  test('malformed beside usable: the usable ones are found', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    expect(await found(harness, [...one('email', ' '), ...one('source_id', 'crm-1')])).toEqual([[ada, true]]);
  });

  test('malformed beside a newer customer: not identifiable', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1', created_at: iso(start + 1) }] });
    const malformed = one('email', 'ada @example.com');
    expect(await found(harness, [...one('source_id', 'crm-1'), ...malformed])).toBe('not-identifiable');
  });

  test('id of another customer beside an unknown address: not identifiable', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    const identifiers = [...one('source_id', ada), ...one('email', 'eve@example.com')];
    expect(await found(harness, identifiers)).toBe('not-identifiable');
  });

  test('too many customers: are counted together, without newer ones', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    for (const letter of ['D', 'E']) harness.addCustomer({ id: id(letter), email: 'ada@example.com' });
    harness.addCustomer({ id: cleo, email: 'ada@example.com', created_at: iso(start + 1) });
    expect(await resolved(harness, all, 3)).toMatchObject({ kind: 'found' });
    const review = { kind: 'review', code: 'too-many-matches', mayHaveExecuted: false, stop: true };
    expect(await resolved(harness, all, 2)).toEqual({ ...review, matched: expect.any(Number) });
  });

  test('one failed look-up: fails them all', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1', email: 'ada@example.com' }] });
    for (const failing of ['/v1/customers/crm-1', '/v1/customers', `/v1/customers/${ada}`]) {
      harness.intercept = (call, pass) =>
        call.url.pathname === failing ? { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true } : pass();
      expect(await resolved(harness, all)).toMatchObject({ kind: 'retry', code: 'timed-out' });
    }
  });

  test('number of calls: one for each spelling of each usable identifier', () => {
    expect(countLookUpCalls(all)).toBe(3);
    const more = [...one('email', 'Ada@Example.com'), ...phone, ...one('source_id', '')];
    expect(countLookUpCalls([...all, ...more])).toBe(5);
  });
});

describe('created-after guard', () => {
  test.each([
    ['long before', -86_400_000, true],
    ['a millisecond before', -1, true],
    ['in the same millisecond', 0, true],
    ['a millisecond after', 1, false],
    ['years after', 1e12, false],
  ])('customer created %s the request', async (_, offset, isMeant) => {
    const harness = createHarness({
      customers: [{ id: ada, source_id: 'crm-1', email: 'ada@example.com', created_at: iso(start + offset) }],
    });
    for (const kind of ['customer_id', 'source_id', 'email'] as const) {
      const value = { customer_id: ada, source_id: 'crm-1', email: 'ada@example.com' }[kind];
      expect(await found(harness, one(kind, value))).toEqual(isMeant ? [[ada, true]] : 'created-later');
    }
  });

  test('offsets and fractions: are read', async () => {
    const harness = createHarness({
      customers: [
        { id: ada, source_id: 'a', created_at: '2026-11-24T13:00:00+01:00' },
        { id: ben, source_id: 'b', created_at: '2026-11-24T12:00:00.001000Z' },
        { id: cleo, source_id: 'c', created_at: '2026-11-24T12:00:00Z' },
      ],
    });
    expect(await found(harness, one('source_id', 'a'))).toEqual([[ada, true]]);
    expect(await found(harness, one('source_id', 'b'))).toBe('created-later');
    expect(await found(harness, one('source_id', 'c'))).toEqual([[cleo, true]]);
  });

  test.each([null, '', 'yesterday', '2026-11-24', '2026-11-24T12:00:00', '1764000000000', '2026-13-45T12:00:00Z'])(
    'created_at %s: needs review',
    async created_at => {
      const harness = createHarness({
        customers: [
          { id: ada, source_id: 'crm-1', created_at },
          { id: ben, email: 'ben@example.com' },
        ],
      });
      const both = [...one('email', 'ben@example.com'), ...one('source_id', 'crm-1')];
      const review = { kind: 'review', code: 'created-at-missing', mayHaveExecuted: false, stop: true };
      expect(await resolved(harness, both)).toEqual(review);
      expect(await resolved(harness, one('customer_id', ada))).toEqual(review);
    },
  );
});

describe('candidate', () => {
  const candidateOf = async (customer: object) => {
    const harness = createHarness();
    harness.intercept = () =>
      response(200, JSON.stringify({ id: ada, ...customer }).replace('"7n"', '12345678901234567890'));
    const request = { identifiers: one('customer_id', ada), submittedAt: start, maxCustomers: 5 };
    const { lookUps } = await resolve(request, context(clientOf(harness)));
    return lookUps.results[0]?.candidates[0];
  };

  test.each([
    [7, 'hmac of source_id 7'],
    ['7n', 'hmac of source_id 12345678901234567890'],
    ['crm-1', 'hmac of source_id crm-1'],
  ])('source_id %j: has an HMAC, by which a legal hold finds the customer', async (source_id, mac) => {
    const email = 'ada@example.com';
    const subjectHmacs = [mac, `hmac of email ${email}`];
    const candidate = { id: ada, seen: true, createdAt: iso(0), subjectHmacs };
    expect(await candidateOf({ source_id, email, created_at: iso(0) })).toStrictEqual(candidate);
  });

  test.each([null, 7, undefined])('created_at %j: is left out, so that the look-up can be stored', async created_at => {
    expect(await candidateOf({ created_at })).toStrictEqual({ id: ada, seen: true, subjectHmacs: [] });
  });
});

describe('completed look-ups', () => {
  const sourceIds: readonly Identifier[] = [...one('source_id', 'crm-1'), ...one('source_id', 'crm-2')];
  const request = { identifiers: sourceIds, submittedAt: start, maxCustomers: 5 };
  /** A client that finds nothing, with one app id after the other. */
  const clientWith = (...appIds: readonly string[]) => {
    const left = [...appIds];
    const appId = () => left.shift() ?? 'no call was expected';
    const unused = () => Promise.reject(new Error('not expected'));
    const lookUp: VoucherifyClient['lookUp'] = async () => ({ result: { kind: 'no-match' }, appId: appId() });
    const listByEmail: VoucherifyClient['listByEmail'] = async (_, page) => ({
      result: { kind: 'page', customers: [{ id: id(page === 1 ? 'D' : 'E') }], total: 2 },
      appId: appId(),
    });
    return { client: { lookUp, listByEmail, deletePermanently: unused }, left };
  };
  const complete = (...spellings: readonly string[]): LookUpResults => ({
    appIdHmac: hmac('app-1'),
    results: spellings.map((spelling, identifier) => ({ identifier, spelling, identifiable: true, candidates: [] })),
  });

  test('are not repeated', async () => {
    const { client } = clientWith('app-1');
    const lookUps = complete('crm-1');
    const resolution = await resolve({ ...request, lookUps }, context(client));
    expect(resolution).toStrictEqual({ resolved: { kind: 'no-match' }, lookUps: complete('crm-1', 'crm-2') });
    const again = await resolve({ ...request, lookUps: resolution.lookUps }, context(clientWith().client));
    expect(again.lookUps).toBe(resolution.lookUps);
  });

  test('under another app id: discard the earlier ones, which must be looked up again', async () => {
    const { client } = clientWith('app-2');
    const { resolved: result, lookUps } = await resolve({ ...request, lookUps: complete('crm-1') }, context(client));
    expect(result).toMatchObject({ kind: 'retry', code: 'app-id-changed', stop: true });
    const results = [{ identifier: 1, spelling: 'crm-2', identifiable: true, candidates: [] }];
    expect(lookUps).toEqual({ appIdHmac: hmac('app-2'), results });
  });

  test('with pages under two app ids: do not count', async () => {
    const { client } = clientWith('app-1', 'app-2');
    const email = { ...request, identifiers: one('email', 'ada@example.com') };
    const { resolved: result, lookUps } = await resolve(email, context(client));
    expect(result).toMatchObject({ kind: 'retry', code: 'app-id-changed' });
    expect(lookUps.results).toEqual([]);
  });

  test('with as many pages as one attempt can read: is complete; with one more, needs review', async () => {
    const email = { ...request, identifiers: one('email', 'ada@example.com') };
    const read = async (mostPages: number) =>
      (await resolve(email, { ...context(clientWith('app-1', 'app-1').client), mostPages })).resolved;
    expect(await read(2)).toEqual({ kind: 'no-match' });
    expect(await read(1)).toMatchObject({ kind: 'review', code: 'quota-too-small' });
  });

  test('on the last try: only a response that proves nothing is refused', async () => {
    const harness = createHarness();
    const lastTry = async () => (await resolve(request, { ...context(clientOf(harness)), isLastTry: true })).resolved;
    harness.intercept = () => response(503, '');
    expect(await lastTry()).toMatchObject({ kind: 'retry', code: 'voucherify-503' });
    harness.intercept = () => response(200, '');
    expect(await lastTry()).toEqual({ kind: 'refused' });
  });

  test('are returned with a failure of the next one', async () => {
    const harness = createHarness();
    harness.intercept = (call, pass) => (call.url.pathname.endsWith('crm-2') ? response(503, '') : pass());
    const { resolved: result, lookUps } = await resolve(request, context(clientOf(harness)));
    expect(result).toMatchObject({ kind: 'retry', code: 'voucherify-503' });
    expect(lookUps.results.map(({ spelling }) => spelling)).toEqual(['crm-1']);
  });

  test('equal values of two identifiers: are two look-ups', async () => {
    const { client, left } = clientWith('app-1', 'app-1');
    const identifiers = [...one('source_id', ada), ...one('customer_id', ada)];
    await resolve({ ...request, identifiers }, context(client));
    expect(left).toEqual([]);
  });
});

describe('customers that are pinned already', () => {
  const both = [...one('source_id', 'crm-1'), ...one('source_id', 'crm-2')];

  test('are not returned again; they count towards the limit only if others are added', async () => {
    const harness = createHarness({
      customers: [
        { id: ada, source_id: 'crm-1' },
        { id: ben, source_id: 'crm-2' },
      ],
    });
    const resolvedWith = async (pinned: readonly string[], maxCustomers: number) => {
      const request = { identifiers: both, submittedAt: start, maxCustomers, pinned: new Set(pinned) };
      return (await resolve(request, context(clientOf(harness)))).resolved;
    };
    const found = await resolvedWith([ada], 2);
    expect('candidates' in found && found.candidates.map(({ id }) => id)).toEqual([ben]);
    expect(await resolvedWith([ada], 1)).toMatchObject({ code: 'too-many-matches', matched: 1 });
    expect(await resolvedWith([ada, ben], 1)).toEqual({ kind: 'no-match' });
  });

  test('count once in a list of several pages', async () => {
    const harness = createHarness();
    const email = 'family@example.com';
    const pages = [[ada, ben].map(id => ({ id, email })), [{ id: cleo, email: 'other@example.com' }]];
    harness.intercept = call => {
      const page = pages[Number(call.url.searchParams.get('page')) - 1] ?? [];
      return response(200, { customers: page.map(one => ({ ...one, created_at: iso(start) })), total: 3 });
    };
    const request = { identifiers: one('email', email), submittedAt: start, maxCustomers: 2, pinned: new Set([ada]) };
    const { resolved: result } = await resolve(request, context(clientOf(harness)));
    expect('candidates' in result && result.candidates.map(({ id }) => id)).toEqual([ben]);
  });

  test('one seen and one unseen customer: somebody was there, so that no other outcome is kept', async () => {
    const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
    const identifiers = [...one('customer_id', ben), ...one('source_id', 'crm-1')];
    expect(await resolved(harness, identifiers)).not.toHaveProperty('ifAbsent');
    expect(await resolved(harness, one('customer_id', ben))).toMatchObject({ ifAbsent: { kind: 'no-match' } });
  });

  test('look-ups of a retry: those that were refused or found somebody are repeated', () => {
    const result = { identifier: 0, spelling: 'a', identifiable: true, candidates: [] };
    const candidates = [{ id: ada, seen: false }];
    const results = [result, { ...result, refused: 'voucherify-400' }, { ...result, candidates }];
    expect(withoutFound({ appIdHmac: 'mac', results })).toEqual({ appIdHmac: 'mac', results: [result] });
  });
});

const email = 'family@example.com';
const numbered = (index: number) => `cust_${String(index).padStart(24, '0')}`;
const before = new Date(start - 1).toISOString();
const after = new Date(start + 1).toISOString();

describe('e-mail address', () => {
  test.each([
    ['as stored', 'ada@example.com', 'ada@example.com'],
    ['upper case, stored in lower case', 'ADA@Example.COM', 'ada@example.com'],
    ['white space at both ends', '\u00a0ada@example.com \n', 'ada@example.com'],
    ['domain in Unicode, stored in Punycode', 'ada@München.example', 'ada@xn--mnchen-3ya.example'],
  ])('%s: finds the customer', async (_, asked, stored) => {
    const harness = createHarness({ customers: [{ id: numbered(1), email: stored }] });
    expect((await harness.erase(one('email', asked))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted()).toEqual([numbered(1)]);
  });

  test.each([
    ['another local part', 'ada@example.com', 'adam@example.com'],
    ['the Kelvin sign for a k', '\u212aate@example.com', 'kate@example.com'],
  ])('%s: is another address', async (_, asked, stored) => {
    const harness = createHarness({ customers: [{ id: numbered(1), email: stored }] });
    expect((await harness.erase(one('email', asked))).outcome).toMatchObject({ kind: 'no-match' });
    expect(harness.deleted()).toEqual([]);
  });

  test('spellings: each is looked up once', async () => {
    const harness = createHarness();
    await harness.erase(one('email', 'Ada@Example.com'));
    await harness.erase(one('email', 'ada@example.com'));
    const emails = harness.sent.map(call => new URLSearchParams(call.split('?')[1]).get('email'));
    expect(emails).toEqual(['Ada@Example.com', 'ada@example.com', 'ada@example.com']);
  });

  test('shared address: all its customers are deleted, in every spelling', async () => {
    const harness = createHarness();
    for (const [index, stored] of ['Family@Example.com', email, email].entries()) {
      harness.addCustomer({ id: numbered(index), email: stored });
    }
    expect((await harness.erase(one('email', 'Family@Example.com'))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted().toSorted()).toEqual([numbered(0), numbered(1), numbered(2)]);
  });

  test('rows with other addresses: are ignored', async () => {
    const harness = createHarness({ customers: [{ id: numbered(1), email }] });
    harness.intercept = (call, pass) => {
      const answer = pass();
      if (call.url.pathname !== '/v1/customers' || answer.kind !== 'response') return answer;
      const others = [
        { id: numbered(2), email: 'other@example.com' },
        { id: numbered(3), email: null },
        { id: numbered(4) },
      ];
      const list = JSON.parse(answer.body) as { customers: unknown[] };
      return { ...answer, body: JSON.stringify({ customers: [...others, ...list.customers], total: 4 }) };
    };
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.sent.filter(call => call.startsWith('POST'))).toEqual([
      `POST /v1/customers/${numbered(1)}/permanent-deletion`,
    ]);
  });
});

test.each(['ada @example.com', 'ada@exa mple.com', 'ada\u200b@example.com', ' ', 'ada@example.com\0'])(
  'unusable e-mail address, %j: is not looked up',
  async email => {
    const harness = createHarness();
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'not-identifiable' });
    expect(harness.sent).toEqual([]);
  },
);

describe('list of several pages', () => {
  test('is read to the end: older customers may follow after a hundred newer ones', async () => {
    const harness = createHarness();
    const meant = [harness.addCustomer({ email }), harness.addCustomer({ email })];
    for (let index = 0; index < 130; index += 1) harness.addCustomer({ email, created_at: after });
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted().toSorted()).toEqual(meant.toSorted());
  });

  test('is read before the first deletion', async () => {
    const harness = createHarness({ limits: { customersPerRequest: 50 } });
    for (let index = 0; index < 35; index += 1) harness.addCustomer({ email });
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted()).toHaveLength(35);
    const firstDeletion = harness.sent.findIndex(call => call.startsWith('POST'));
    expect(harness.sent.slice(firstDeletion).every(call => call.startsWith('POST'))).toBe(true);
  });

  test('more matches than one request may delete: needs review after the first page, and deletes nobody', async () => {
    const harness = createHarness({ limits: { customersPerRequest: 5 } });
    for (let index = 0; index < 300; index += 1) harness.addCustomer({ email });
    const { receipt, outcome } = await harness.erase(one('email', email));
    expect(outcome).toMatchObject({ kind: 'needs-review' });
    expect(receipt).toMatchObject({ reason: 'too-many-matches', projects: { main: { matched: 100 } } });
    expect(harness.deleted()).toEqual([]);
    expect(harness.sent).toHaveLength(1);
  });

  test('endless list: needs review', async () => {
    const harness = createHarness();
    harness.intercept = call => {
      const page = Number(call.url.searchParams.get('page'));
      const limit = Number(call.url.searchParams.get('limit'));
      const customers = Array.from({ length: limit }, (_, row) => ({
        id: numbered(page * 1000 + row),
        email: 'x@x.example',
      }));
      return response(200, { customers, total: 1e6 });
    };
    const { receipt } = await harness.erase(one('email', email));
    expect(receipt).toMatchObject({ state: 'needs-review', reason: 'too-many-matches' });
    expect(harness.sent).toHaveLength(99);
  });

  test('failure on a later page: deletes nobody', async () => {
    const harness = createHarness({ limits: { customersPerRequest: 50 } });
    for (let index = 0; index < 135; index += 1) harness.addCustomer({ email, created_at: after });
    harness.intercept = (call, pass) => (call.url.searchParams.get('page') === '2' ? lost(true) : pass());
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'in-progress' });
    expect(harness.deleted()).toEqual([]);
  });
});

test('large page, 100 customers with metadata: are read although they exceed the default size of a response', async () => {
  const harness = createHarness({ limits: { customersPerRequest: 2 } });
  const bulky = { note: 'x'.repeat(2000) };
  for (let index = 0; index < 99; index += 1) harness.addCustomer({ email, created_at: after, metadata: bulky });
  const meant = harness.addCustomer({ email });
  expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
  expect(harness.deleted()).toEqual([meant]);
  expect(harness.sent[0]).toContain('limit=100');
});

describe('short page', () => {
  /** Answers with these pages, and with empty ones after them. */
  const pages = (harness: Harness, total: number, ...rows: readonly (readonly number[])[]) => {
    harness.intercept = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const page = rows[Number(call.url.searchParams.get('page')) - 1] ?? [];
      const customers = page.map(row => ({ id: numbered(row), email, created_at: before }));
      return response(200, { customers, total });
    };
  };
  const lists = (harness: Harness) => harness.sent.filter(call => call.startsWith('GET /v1/customers?'));

  test('is not the end: all four customers are deleted', async () => {
    const harness = createHarness();
    for (let row = 0; row < 4; row += 1) harness.addCustomer({ id: numbered(row), email });
    harness.intercept = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const url = new URL(call.url);
      url.searchParams.set('limit', '2');
      return sandboxResult(harness.sandbox, { ...call, url });
    };
    const { receipt, outcome } = await harness.erase(one('email', email));
    expect(outcome).toMatchObject({ kind: 'erased' });
    expect(receipt.projects).toMatchObject({ main: { pins: 4 } });
    expect(harness.deleted().toSorted()).toEqual([0, 1, 2, 3].map(numbered));
    expect(lists(harness)).toHaveLength(2);
  });

  test('rows that do not match: count towards the total', async () => {
    const harness = createHarness({ customers: [{ id: numbered(1), email }] });
    harness.intercept = (call, pass) => {
      const page = call.url.searchParams.get('page');
      const others = [2, 3].map(row => ({ id: numbered(row), email: 'other@example.com' }));
      if (page === '1') return response(200, { customers: others, total: 3 });
      return page === '2'
        ? response(200, { customers: [{ id: numbered(1), email, created_at: before }], total: 3 })
        : pass();
    };
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted()).toEqual([numbered(1)]);
    expect(lists(harness)).toHaveLength(2);
  });

  test('empty although there are more rows: is no proof that nobody matches', async () => {
    const harness = createHarness();
    harness.intercept = () => response(200, { customers: [], total: 0, has_more: true });
    const { receipt } = await harness.erase(one('email', email));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'incomplete-list' });
  });

  test('has_more: another page is read', async () => {
    const harness = createHarness();
    const customers = (row: number) => [{ id: numbered(row), email, created_at: before }];
    harness.intercept = (call, pass) => {
      const page = call.url.searchParams.get('page');
      if (page === '1') return response(200, { customers: customers(1), total: 1, has_more: true });
      return page === '2' ? response(200, { customers: customers(2), total: 2, has_more: false }) : pass();
    };
    for (const row of [1, 2]) harness.addCustomer({ id: numbered(row), email });
    await harness.erase(one('email', email));
    expect(harness.deleted().toSorted()).toEqual([numbered(1), numbered(2)]);
  });

  test('has_more after the last row: the list ends at a page without a new row', async () => {
    const harness = createHarness({ customers: [{ id: numbered(1), email }] });
    harness.intercept = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const customers =
        call.url.searchParams.get('page') === '1' ? [{ id: numbered(1), email, created_at: before }] : [];
      return response(200, { customers, total: 1, has_more: true });
    };
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(lists(harness)).toHaveLength(2);
  });

  test.each([
    ['empty before the total is reached', [[1, 2], []], 2],
    [
      'repeated rows',
      [
        [1, 2],
        [2, 1],
        [3, 4],
      ],
      2,
    ],
    ['empty at once', [[]], 1],
  ])(
    '%s: the list is incomplete, nobody is deleted, and the third time the receipt needs review',
    async (_, rows, calls) => {
      const harness = createHarness();
      pages(harness, 4, ...rows);
      for (let row = 1; row <= 4; row += 1) harness.addCustomer({ id: numbered(row), email });
      const { receipt } = await harness.erase(one('email', email));
      expect(receipt).toMatchObject({ state: 'open', lastResult: 'incomplete-list', unprovenCount: 1 });
      expect(lists(harness)).toHaveLength(calls);
      expect(harness.alarms()).toEqual(['unproven-response']);
      await harness.sweepWhenDue(receipt.id);
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject(inReview('unproven-responses'));
      expect(harness.deleted()).toEqual([]);
    },
  );

  test('list that shrinks while it is read: is read again from the start', async () => {
    const harness = createHarness();
    const rows = [1, 2, 3, 4];
    for (const row of rows) harness.addCustomer({ id: numbered(row), email });
    let total = 4;
    harness.intercept = (call, pass) => {
      if (call.url.pathname !== '/v1/customers') return pass();
      const start = (Number(call.url.searchParams.get('page')) - 1) * 2;
      const customers = rows.slice(start, start + 2).map(row => ({ id: numbered(row), email, created_at: before }));
      const body = { customers, total };
      // Another process deletes the first one after page 1: the third customer moves to page 1.
      if (total === 4) rows.shift();
      total = 3;
      return response(200, body);
    };
    const { receipt } = await harness.erase(one('email', email));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'incomplete-list' });
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted().toSorted()).toEqual([2, 3, 4].map(numbered));
  });
});
