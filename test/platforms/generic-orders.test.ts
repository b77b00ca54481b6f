import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../lambda/domain/failure.ts';
import { readOrders } from '../../lambda/platforms/generic/orders.ts';
import { resolveSettings } from '../../lambda/platforms/generic/schema.ts';
import { genericSettings } from '../../lambda/platforms/generic/settings.ts';
import { isZone } from '../../lambda/platforms/generic/times.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { holds } from '../support/fuzz.ts';
import { createHarness, fixtureTime, type Harness } from '../support/harness.ts';
import { callContext, requestOf } from '../support/requests.ts';

const current = 'the-static-secret-of-a-sender';
const section = {
  type: 'generic',
  authentication: { kind: 'header', header: 'X-Key' },
  rules: [
    { when: { '/kind': ['delete', 'purge'] }, do: 'erase' },
    { when: { '/kind': 'hello' }, do: 'test' },
    { when: { '/kind': 'access', '/mode': null }, do: 'ignore' },
  ],
  reference: '/id',
  identifiers: { '/number': 'source_id', '/mail': 'email' },
};
const body = { kind: 'delete', id: 'o-1', number: 'crm-10042' };

function harnessWith(change: object = {}): Harness {
  return createHarness({
    platforms: { sender: { ...section, ...change } },
    secrets: { 'erasure/platform/sender': JSON.stringify({ current }) },
  });
}

function wire(sent: unknown, headers: Readonly<Record<string, string>> = {}) {
  const all = { 'Content-Type': 'application/json', 'X-Key': current, ...headers };
  return { path: '/webhooks/sender', headers: all, body: JSON.stringify(sent) };
}

function read(change: object, sent: unknown, headers: Readonly<Record<string, string>> = {}) {
  const platform = openPlatforms({ sender: { ...section, ...change } }).get('sender')!;
  return platform.parse(requestOf(sent, { 'content-type': 'application/json', ...headers }));
}

describe('rules', () => {
  test.each([
    [body, 200, 'erased', 1],
    [{ ...body, kind: 'purge' }, 200, 'erased', 1],
    [{ kind: 'hello' }, 200, 'test', 0],
    [{ kind: 'access' }, 200, 'ignored', 0],
  ])('%j: status %i, %s', async (sent, status, word, receipts) => {
    const harness = harnessWith();
    expect(await harness.send(wire(sent))).toMatchObject({ status, json: { status: word, final: true } });
    expect(await harness.receipts()).toHaveLength(receipts);
  });

  test('no rule matches: refused with an alarm, or ignored, logged and counted if settings say so', async () => {
    const sent = { ...body, kind: 'access', mode: 'full' };
    const refusing = harnessWith();
    expect((await refusing.send(wire(sent))).status).toBe(400);
    expect(refusing.alarms()).toEqual(['request-rejected']);
    const ignoring = harnessWith({ otherwise: 'ignore' });
    for (const _ of [1, 2]) expect((await ignoring.send(wire(sent))).status).toBe(200);
    const ignored = { event: 'ignored', platform: 'sender' };
    expect(ignoring.lines).toMatchObject([ignored, ignored]);
    expect(await ignoring.services.control.count('ignored-count#sender#2026-01-15', 0)).toBe(3);
    expect(ignoring.alarms()).toEqual([]);
  });

  test.each([
    ['none of the places of the rules', { payload: body }],
    ['only null there', { ...body, kind: null }],
    ['another case', { ...body, kind: 'DELETE' }],
    ['white space around the value', { ...body, kind: ' delete' }],
  ])('message with %s: is refused with an alarm although others are ignored', async (_, sent) => {
    const harness = harnessWith({ otherwise: 'ignore' });
    expect((await harness.send(wire(sent))).status).toBe(400);
    expect(harness.alarms()).toEqual(['request-rejected']);
    expect(await harness.receipts()).toEqual([]);
  });

  test('count of ignored messages not stored: the platform still gets its reply', async () => {
    const harness = harnessWith({ otherwise: 'ignore' });
    Object.assign(harness.services.control, { count: () => Promise.reject(new Error('lost')) });
    expect((await harness.send(wire({ kind: 'other' }))).status).toBe(200);
  });

  const refused = (message: string) => expect.objectContaining({ code: 'invalid', message });

  test('no rule matches: the error names the place that one rule requires, and no place of several', () => {
    expect(() => read({}, { kind: 'else' })).toThrow(refused('body: no rule of the settings matches'));
    const one = { rules: [{ when: { '/kind': 'delete' }, do: 'erase' }] };
    const message = '/kind: does not have the value that the settings require';
    expect(() => read(one, { kind: 'else' })).toThrow(refused(message));
  });

  test.each([
    ['a withdrawal', { '/kind': 'undo' }, 'withdraw', { kind: ' Undo' }, false],
    ['one of two values', { '/kind': 'erase', '/mode': 'full' }, 'erase', { kind: 'ERASE', mode: 'x' }, true],
    ['a message that is ignored', { '/kind': 'export' }, 'ignore', { kind: 'EXPORT' }, true],
    ['a sharp s in two letters', { '/kind': 'l\u00f6sen-stra\u00dfe' }, 'erase', { kind: 'L\u00d6SEN-STRASSE' }, true],
  ])('%s in another case: is refused or ignored', (_, when, action, sent, isIgnored) => {
    const change = { rules: [...section.rules, { when, do: action }], otherwise: 'ignore' };
    if (isIgnored) expect(read(change, sent)).toMatchObject({ ignore: 'rule', hasIgnored: true });
    else expect(() => read(change, sent)).toThrow(refused('body: no rule of the settings matches'));
  });

  test('order with the fewest fields: has no time, and no other field', () => {
    const { reply: _, ...parsed } = read({}, { kind: 'delete', id: 'o-1' });
    const erasure = { scope: '', reference: 'o-1', identities: [], identifiers: [], callbacks: [] };
    expect(parsed).toStrictEqual({ erase: [erasure], withdraw: [], unreadable: [], hasIgnored: false });
  });

  test('headers: are places under a static secret', () => {
    const change = { rules: [{ when: { 'header:X-Topic': 'gone' }, do: 'erase' }], reference: 'header:X-Id' };
    expect(read(change, body, { 'x-topic': 'gone', 'x-id': 'h-1' })).toMatchObject({ erase: [{ reference: 'h-1' }] });
    expect(() => read(change, body, { 'x-topic': 'other', 'x-id': 'h-1' })).toThrow('header:X-Topic: does not have');
  });
});

describe('places', () => {
  test('fields of our own body: are not read where settings map their own', async () => {
    const harness = harnessWith();
    const sent = { ...body, test: 'true', due_at: '2026-12-31', submitted_at: 7, callback_url: {} };
    expect(await harness.send(wire(sent))).toMatchObject({ status: 200, json: { status: 'erased' } });
  });

  test('list body without each: is refused, so that not only its first person is erased', async () => {
    const first = { '/0/number': 'source_id' };
    const harness = harnessWith({ rules: [{ when: {}, do: 'erase' }], reference: ['/0/id'], identifiers: first });
    expect(await harness.send(wire([body, { ...body, number: 'crm-10043' }]))).toMatchObject({ status: 400 });
    expect(harness.alarms()).toEqual(['request-rejected']);
    expect(harness.deleted()).toEqual([]);
  });

  test('identifier by its position in a list: is refused, whatever stands there', async () => {
    const identities = [{ type: 'phone', value: 'ada@example.com' }];
    const harness = harnessWith({ identifiers: { '/identities/0/value': 'email' } });
    expect((await harness.send(wire({ ...body, identities }))).status).toBe(400);
    expect(harness.sent).toEqual([]);
  });
});

describe('typed identifiers', () => {
  const typed = {
    list: '/identities',
    type: '/type',
    value: '/value',
    only: { '/format': ['raw', null] },
    kinds: { customer: 'source_id', mail: 'email', phone: 'phone' },
  };
  const mail = (value: unknown) => ({ type: 'mail', value });
  const hash = { ...mail('d41d8'), format: 'md5' };
  const identitiesOf = (identities: unknown, identifiers: unknown = typed) => {
    const parsed = read({ identifiers }, { ...body, identities });
    return 'erase' in parsed ? parsed.erase[0]!.identifiers : [];
  };

  test('entries that are not looked up: are kept with their form, and without a value if their type is not mapped', () => {
    const identities = [hash, { type: 'device', value: 'd-1' }];
    const parsed = read({ identifiers: typed }, { ...body, identities });
    expect('erase' in parsed && parsed.erase[0]!.identities).toEqual([
      { space: 'mail', format: 'other', value: 'd41d8' },
      { space: 'device', format: 'raw', value: '' },
    ]);
  });

  test('50 entries: are read', () => {
    const identities = Array.from({ length: 50 }, (_, at) => ({ type: 'customer', value: at }));
    expect(identitiesOf(identities)).toHaveLength(50);
  });

  test('entry typed phone: is never looked up as an e-mail address', async () => {
    const harness = harnessWith({ identifiers: typed });
    const identities = [{ type: 'phone', value: 'ada@example.com' }, mail('nobody@example.com')];
    expect(await harness.send(wire({ ...body, identities }))).toMatchObject({ json: { status: 'no_match' } });
    expect(harness.sent.join()).not.toContain('ada');
    expect(harness.sent.join()).toContain('nobody');
  });

  test.each([
    ['types that are mapped', [{ type: 'customer', value: 7 }, { type: 'device' }], [['source_id', '7']]],
    ['a hash', [hash], [['email', '']]],
    ['a hash beside its raw value', [hash, mail('a@b.example')], [['email', 'a@b.example']]],
    ['an entry without a value', [{ type: 'mail' }], [['email', '']]],
  ])('%s: %j', (_, identities, wanted) => {
    expect(identitiesOf(identities).map(({ kind, value }) => [kind, value])).toEqual(wanted);
  });

  test('list of values of one kind, and several sources', () => {
    const plain = { list: '/mails', value: '', kind: 'email' };
    expect(read({ identifiers: [plain, { '/number': 'source_id' }] }, body)).toMatchObject({
      erase: [{ identifiers: [{ kind: 'source_id', value: 'crm-10042' }] }],
    });
    expect(() => read({ identifiers: plain }, body)).toThrow('/mails: is not a list');
    const change = { identifiers: [plain, { '/number': 'source_id' }] };
    const identifiers = [
      ...['a@b.example', 'c@d.example'].map(value => ({ kind: 'email', value })),
      { kind: 'source_id', value: 'crm-10042' },
    ];
    const parsed = read(change, { ...body, mails: ['a@b.example', 'c@d.example'] });
    expect(parsed).toMatchObject({ erase: [{ identifiers }] });
  });

  test.each([
    ['/identities: is not a list', undefined],
    ['/identities: has over 50 entries', Array.from({ length: 51 }, () => mail('a'))],
    ['/identities/1/value: must be a string or a whole number', [mail('a'), mail(['b'])]],
  ])('%s: is refused', (problem, identities) => {
    expect(() => identitiesOf(identities)).toThrow(problem);
  });
});

describe('several orders in one message', () => {
  const each = { each: '/orders' };
  const orders = (...numbers: unknown[]) => ({
    batch: 'b-1',
    orders: numbers.map((number, at) => ({ ...body, id: `o-${at}`, number })),
  });

  test('all of them: are stored before the reply, and erased by the sweep', async () => {
    const harness = harnessWith(each);
    expect(await harness.send(wire(orders('crm-10042', 'crm-10043')))).toMatchObject({
      status: 202,
      json: { status: 'in_progress', final: false, orders: [{ request_id: 'o-0' }, { request_id: 'o-1' }] },
    });
    expect(await harness.receipts()).toHaveLength(2);
    await harness.sweep(harness.clock.now + 120_000);
    expect(harness.deleted()).toHaveLength(2);
  });

  test('one unreadable order: raises an alarm, and the others are accepted', async () => {
    const harness = harnessWith(each);
    expect((await harness.send(wire(orders('crm-10042', { ada: 1 })))).status).toBe(202);
    expect(await harness.receipts()).toHaveLength(1);
    expect(harness.lines.filter(({ event }) => event === 'alarm')).toMatchObject([
      { alarm: 'request-rejected', rule: '/number: must be a string or a whole number' },
    ]);
  });

  test.each(['', '/orders'])(
    'entries of a list at %j that are no objects, or are ambiguous: raise an alarm',
    async place => {
      const harness = harnessWith({ each: place, otherwise: 'ignore' });
      const list = `["text", ${JSON.stringify({ ...body, number: 'crm-10042' })}, null${place === '' ? ', {"a":1,"a":2}' : ''}]`;
      expect((await harness.send({ ...wire(body), body: place === '' ? list : `{"orders":${list}}` })).status).toBe(
        202,
      );
      expect(await harness.receipts()).toHaveLength(1);
      const rules = harness.lines.flatMap(({ alarm, rule }) => (alarm === 'request-rejected' ? [rule] : []));
      const ambiguous = place === '' ? ['body: contains a duplicate key'] : [];
      expect(rules).toEqual(['body: is not an object', ...ambiguous]);
    },
  );

  test.each([
    ['not a list', { orders: {} }, 400],
    ['none readable', orders({ ada: 1 }), 400],
    ['over 500', { orders: Array.from({ length: 501 }, () => body) }, 413],
  ])('%s: is refused with an alarm', async (_, sent, status) => {
    const harness = harnessWith(each);
    expect((await harness.send(wire(sent))).status).toBe(status);
    expect(harness.alarms()).toEqual(['request-rejected']);
    expect(await harness.receipts()).toEqual([]);
  });

  test('a nested list and an entry without a value: are named by their place', () => {
    const plain = { list: '/mails', value: '', kind: 'email' };
    expect(read({ identifiers: plain }, { ...body, mails: [null] })).toMatchObject({
      erase: [{ identifiers: [{ kind: 'email', value: '' }] }],
    });
    const tooMany = Array.from({ length: 501 }, () => body);
    expect(() => read({ each: '' }, tooMany)).toThrow('body: has over 500 entries');
    expect(() => read({ identifiers: { 'message:/a/0': 'email' } }, { ...body, a: ['x'] })).toThrow(
      'message:/a/0: leads through a list',
    );
  });

  const refused = (message: string) => expect.objectContaining({ message });

  test('not a list, or ambiguous: the error says so', () => {
    expect(() => read(each, { orders: {} })).toThrow(refused('/orders: is not a list'));
    expect(() => read(each, '{"orders":[],"orders":[]}')).toThrow(refused('body: contains a duplicate key'));
    expect(() => read({}, [body])).toThrow(refused('body: is a list, and the settings have no each'));
  });

  test('500 orders: are read', () => {
    const list = Array.from({ length: 500 }, (_, at) => ({ ...body, id: `o-${at}` }));
    expect(read({ each: '' }, list)).toMatchObject({ erase: { length: 500 } });
  });

  test('ignored orders: are counted beside others, and so is an empty list', () => {
    const change = { ...each, otherwise: 'ignore' };
    expect(read(change, { orders: [body, { kind: 'access' }] })).toMatchObject({ hasIgnored: true });
    expect(read(change, { orders: [body] })).toMatchObject({ hasIgnored: false });
    expect(read(change, { orders: [] })).toMatchObject({ ignore: 'rule', hasIgnored: true });
  });

  test('reply: takes the values of the first order, or of the message if it has none', () => {
    const answer = { status: 200, body: { batch: '{message:/batch}', id: '{/id}' } };
    const change = { ...each, answers: { '*': answer, ignored: answer } };
    const bodyOf = (sent: object) => JSON.parse(read(change, sent).reply([open]).body) as unknown;
    const outcome = { kind: 'in-progress', expectedAt: 0 } as const;
    const open = { reference: 'o-0', receiptId: 'r', receivedAt: 0, outcome, callbackFollows: false };
    expect(bodyOf(orders('crm-1', 'crm-2'))).toEqual({ batch: 'b-1', id: 'o-0' });
    expect(bodyOf({ ...orders(), id: 'm-1' })).toEqual({ batch: 'b-1', id: 'm-1' });
  });

  test('unexpected error: is thrown, and is no unreadable order', () => {
    const settings = resolveSettings(v.parse(genericSettings, { ...section, ...each }));
    const callbacksOf = () => {
      throw new TypeError('unforeseen');
    };
    expect(() => readOrders(requestOf(orders('crm-1')), settings, callbacksOf)).toThrow(new TypeError('unforeseen'));
  });

  test('empty list: is ignored', async () => {
    const harness = harnessWith(each);
    expect(await harness.send(wire({ orders: [] }))).toMatchObject({ status: 200, json: { status: 'ignored' } });
  });

  test('places: are relative to the order, to the message, or headers', () => {
    const change = { each: '', reference: ['message:/0/id', 'header:X-Batch', '/id'] };
    const parsed = read(change, [body, { ...body, id: 'o-2' }], { 'x-batch': 'b-1' });
    const references = 'erase' in parsed ? parsed.erase.map(({ reference }) => reference) : [];
    expect(new Set(references).size).toBe(2);
    expect(references.join()).toMatch(/^[0-9a-f]{64},[0-9a-f]{64}$/);
  });
});

describe('times', () => {
  const at = (submittedAt: unknown, time: unknown) => {
    const parsed = read({ submittedAt }, { ...body, time });
    return 'erase' in parsed ? parsed.erase[0]!.submittedAt : undefined;
  };

  test.each([
    [{ at: '/time', unit: 's' }, fixtureTime / 1000, fixtureTime],
    [{ at: '/time', unit: 'ms' }, String(fixtureTime), fixtureTime],
    [{ at: '/time', unit: 'rfc3339' }, '2026-01-15T13:00:00+01:00', fixtureTime],
    ['/time', '2026-01-15T12:00:00Z', fixtureTime],
    ['/time', null, undefined],
    [{ at: '/time', unit: 'local', zone: 'Europe/Berlin' }, '2026-01-15T13:00:00', fixtureTime],
    [{ at: '/time', unit: 'local', zone: '-05:00' }, '2026-01-15 07:00', fixtureTime],
    [{ at: '/time', unit: 'local', zone: 'UTC' }, '2026-01-15T12:00:00.000', fixtureTime],
    // Clocks were set back at 3:00 (UTC+2), so 2:30 existed twice: the earlier one.
    [{ at: '/time', unit: 'local', zone: 'Europe/Berlin' }, '2025-10-26T02:30:00', Date.parse('2025-10-26T00:30:00Z')],
    [{ at: '/time', unit: 'local', zone: 'Europe/Berlin' }, '2025-10-26T03:30:00', Date.parse('2025-10-26T02:30:00Z')],
    // Clocks were set forward at 2:00 (UTC+1), so 2:30 did not exist: the earlier reading.
    [{ at: '/time', unit: 'local', zone: 'Europe/Berlin' }, '2026-03-29T02:30:00', Date.parse('2026-03-29T00:30:00Z')],
  ])('%j, %j: %s', (place, time, wanted) => {
    expect(at(place, time)).toBe(wanted);
  });

  test.each([
    ['/time', 'tomorrow'],
    ['/time', '2026-01-15T12:00:00'],
    ['/time', '2026-01-15'],
    [{ at: '/time', unit: 's' }, '2026-01-15T12:00:00Z'],
    [{ at: '/time', unit: 'ms' }, 1.5],
    [{ at: '/time', unit: 'local', zone: 'UTC' }, '2026-01-15T12:00:00Z'],
    [{ at: '/time', unit: 'local', zone: 'UTC' }, '2026-13-15T12:00:00'],
    [{ at: '/time', unit: 'local', zone: 'UTC' }, '2026-01-15'],
    [{ at: '/time', unit: 'local', zone: 'UTC' }, 'January 15, 2026 12:00'],
  ])('%j, %j: is refused', (place, time) => {
    expect(() => at(place, time)).toThrow(/^\/time: must be/);
  });
});

test.each([
  ['Europe/Berlin', true],
  ['+01:00', true],
  ['Mars', false],
])('time zone, %s: is known, %s', (zone, isKnown) => {
  expect(isZone(zone)).toBe(isKnown);
});

describe('pulled orders', () => {
  const origin = 'https://api.example.com';
  const { authentication: _, ...places } = section;
  const context = callContext(async () => '{}');
  const pullOf = (change: object) => {
    const pull = { url: `${origin}/orders?state=open`, list: '/orders', ...change };
    const settings = { ...places, pull, callbackOrigins: [origin], callback: { url: `${origin}/done` } };
    return openPlatforms({ sender: settings }).get('sender')!.pull!;
  };
  const page = (more: object = {}) => JSON.stringify({ orders: [body], ...more });
  const numbered = { next: { query: 'page', from: 1, step: 2 } };
  const byCursor = { next: { query: 'after', at: '/next' } };

  test.each<[string, object, string | undefined, string]>([
    ['no pages', {}, undefined, '?state=open'],
    ['no pages, with a cursor of settings before', {}, '7', '?state=open'],
    ['numbered, first', numbered, undefined, '?state=open&page=1'],
    ['numbered, later', numbered, '3', '?state=open&page=3'],
    ['by cursor, first', byCursor, undefined, '?state=open'],
    ['by cursor, later', byCursor, 'a&b', '?state=open&after=a%26b'],
  ])('call, %s: has the query of its page', async (_name, change, cursor, search) => {
    const call = await pullOf(change).buildCall(context, cursor);
    expect(call).toStrictEqual({
      method: 'GET',
      url: new URL(`/orders${search}`, origin),
      headers: { Accept: 'application/json' },
    });
  });

  test('call with a body: says its type and its length in bytes', async () => {
    const call = await pullOf({ method: 'POST', body: { text: 'ä' } }).buildCall(context);
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json', 'Content-Length': '13' };
    expect(call).toMatchObject({ method: 'POST', headers, body: '{"text":"ä"}' });
  });

  test('page: has its orders, the rules of unreadable ones, and the next page only if there is one', () => {
    const erase = [{ reference: 'o-1' }];
    expect(pullOf({}).parsePage(page())).toStrictEqual({ erase: [expect.objectContaining(erase[0]!)], unreadable: [] });
    expect(pullOf(numbered).parsePage(page())).toMatchObject({ erase, next: '3' });
    expect(pullOf(numbered).parsePage(page(), '3')).toMatchObject({ next: '5' });
    expect(pullOf(numbered).parsePage(page({ orders: [] }), '3')).toStrictEqual({ erase: [], unreadable: [] });
    expect(pullOf(byCursor).parsePage(page({ next: 'x' }))).toMatchObject({ erase, next: 'x' });
    expect(pullOf(byCursor).parsePage(page({ next: null }))).not.toHaveProperty('next');
    const unreadable = pullOf({}).parsePage(page({ orders: [{ ...body, id: {} }] }));
    expect(unreadable).toStrictEqual({ erase: [], unreadable: ['/id: must be a string or a whole number'] });
  });

  test('cursor of 2,048 characters: is used, and a longer one is refused', () => {
    const { parsePage } = pullOf(byCursor);
    expect(parsePage(page({ next: 'x'.repeat(2048) })).next).toHaveLength(2048);
    const tooLong = expect.objectContaining({ code: 'invalid', message: '/next: is too long' });
    expect(() => parsePage(page({ next: 'x'.repeat(2049) }))).toThrow(tooLong);
  });
});

test('any message under any mapping: is read, or refused with a Failure', () => {
  const place = fc.constantFrom('', '/a', '/a/0', '/a/b', 'message:/a', 'header:X-A');
  const kinds = fc.constantFrom('email', 'source_id', 'phone');
  const source = fc.oneof(
    fc.record({
      list: fc.constantFrom('', '/a'),
      type: fc.constant('/a'),
      value: fc.constant('/b'),
      kinds: fc.constant({ x: 'email' }),
    }),
    fc.record({ list: fc.constantFrom('', '/a'), value: fc.constantFrom('', '/b'), kind: kinds }),
    fc.dictionary(place, kinds, { minKeys: 1 }),
  );
  const mapping = fc.record(
    {
      each: fc.constantFrom('', '/a'),
      rules: fc.constantFrom([{ when: {}, do: 'erase' }], [{ when: { '/a': [null, 'x'] }, do: 'test' }]),
      otherwise: fc.constantFrom('ignore', 'refuse'),
      reference: fc.array(place, { minLength: 1 }),
      identifiers: source,
      submittedAt: fc.oneof(place, fc.record({ at: place, unit: fc.constantFrom('s', 'ms', 'rfc3339') })),
      test: place,
    },
    { requiredKeys: ['rules', 'otherwise', 'reference', 'identifiers'] },
  );
  const keys = fc.constantFrom('a', 'b', 'type', 'value');
  const value = fc.letrec(tie => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('x', 1, null, '2026-01-15', true),
      fc.array(tie('any')),
      fc.dictionary(keys, tie('any')),
    ),
  })).any;
  const { each: _, ...base } = section as typeof section & { each?: string };
  holds(
    fc.property(mapping, value, (change, sent) => {
      try {
        const platform = openPlatforms({ sender: { ...base, ...change } }).get('sender')!;
        const parsed = platform.parse(requestOf(sent, { 'content-type': 'application/json', 'x-a': 'x' }));
        expect(parsed.reply([])).toBeDefined();
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Failure);
      }
    }),
  );
});
