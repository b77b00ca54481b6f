import { describe, expect, test } from 'vitest';
import type { LookUpResults } from '../../lambda/domain/erasure.ts';
import { countLookUpCalls, type Identifier } from '../../lambda/domain/identifiers.ts';
import type { VoucherifyClient } from '../../lambda/voucherify/client.ts';
import { resolve, withoutFound } from '../../lambda/voucherify/resolve.ts';
import { ada, ben, cleo, clientOf, createHarness, type Harness, id, iso, one, start } from '../support/harness.ts';
import { response } from '../support/voucherify-responses.ts';

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
      const gone = { kind: 'answer', status: 404, headers: {} } as const;
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
        call.url.pathname === failing ? { kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true } : pass();
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
