import { describe, expect, test } from 'vitest';
import type { ErasureRequest } from '../../lambda/domain/erasure.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { HttpRequest } from '../../lambda/domain/http.ts';
import { manual } from '../../lambda/platforms/index.ts';
import type { Platform } from '../../lambda/platforms/platform.ts';
import { nextRevision } from '../../lambda/receipts/receipt.ts';
import { newRequestDecided } from '../../lambda/receipts/transitions.ts';
import {
  accept,
  attemptUntil,
  countAndAdmit,
  delaySecondsOf,
  readStopsFor,
  reservesWhileStoring,
  type VerifiedRequest,
} from '../../lambda/request/accept.ts';
import { countIgnored, errorReply, receive, withdraw } from '../../lambda/request/receive.ts';
import { manualErasure, parseManualEvent } from '../../lambda/request/receive-manual.ts';
import type { Services } from '../../lambda/services.ts';
import { acceptPulled } from '../../lambda/sweep/pull-orders.ts';
import { failureOf } from '../support/failures.ts';
import {
  countedReservations,
  createHarness,
  type Harness,
  type HarnessOptions,
  one,
  start,
} from '../support/harness.ts';
import { receiptOf } from '../support/receipt-builders.ts';

const day = 86_400_000;
const uuid = '01234567-89ab-cdef-0123-456789abcdef';
const origin = 'https://dsr.example.com';

const erasureOf = (more: Partial<ErasureRequest> = {}): ErasureRequest => ({
  ...{ reference: uuid, scope: '', identifiers: one('source_id', 'crm-1'), callbacks: [] },
  identities: [{ space: 'source_id', format: 'raw', value: 'crm-1' }],
  ...more,
});

const orders = (count: number) => Array.from({ length: count }, (_, at) => erasureOf({ reference: `order-${at}` }));

function requestOf(erasure: Partial<ErasureRequest> = {}, platform: Partial<Platform> = {}): VerifiedRequest {
  return {
    ...{ platformName: 'shop', authentication: { scheme: 'test', secret: 'current' } },
    ...{ receivedAt: start, startedAt: start },
    platform: { ...manual, ...platform },
    erasure: erasureOf(erasure),
  };
}

/** A harness and functions that accept a request of a platform. */
function accepting(options: HarnessOptions = {}) {
  const harness = createHarness(options);
  const { services, lines } = harness;
  const accepted = (...request: Parameters<typeof requestOf>) => accept(requestOf(...request), services);
  return { harness, services, lines, accepted };
}

/** The store's `accept`, which takes a moment, and how often it ran: now, at most at once, and altogether. */
function countedAccepts(store: Services['store']) {
  const counts = { running: 0, most: 0, all: 0 };
  const accept: typeof store.accept = async (...row) => {
    counts.all += 1;
    counts.running += 1;
    counts.most = Math.max(counts.most, counts.running);
    await new Promise(resolve => setImmediate(resolve));
    counts.running -= 1;
    return store.accept(...row);
  };
  return { accept, counts };
}

describe('receipt of an accepted request', () => {
  test('what the platform sent: is stored as HMACs and kinds', async () => {
    const { services, accepted } = accepting();
    const { delivery, subject } = await services.pseudonymizer();
    const email = one('email', 'ada@example.com');
    const identifiers = [...email, ...email, ...one('phone', '+1 555 010 0042'), ...one('source_id', '')];
    const { receipt } = await accepted({ identifiers, deliveryId: 'd-1' });
    expect(receipt).toMatchObject({
      ...{ reference: uuid, deliveryHmac: delivery('shop', 'd-1'), notLookedUp: ['phone', 'source_id'] },
      subjectHmacs: [email[0]!, identifiers[2]!].map(subject),
    });
  });

  test('what it did not send: is not stored', async () => {
    const { receipt } = await accepting().accepted({ reference: 'ada@example.com' });
    for (const field of [
      'reference',
      'deliveryHmac',
      'notLookedUp',
      'delayedUntil',
      'firstReply',
      'dueAt',
      'decisions',
    ]) {
      expect(receipt).not.toHaveProperty(field);
    }
  });

  test('delaySeconds: delay the first attempt, and the platform’s own come first', async () => {
    const { accepted } = accepting({ limits: { delaySeconds: 60 } });
    expect((await accepted()).receipt).toMatchObject({ delayedUntil: start + 60_000, nextAttemptAt: start + 60_000 });
    const own = await accepted({ reference: 'own' }, { delaySeconds: 10, responseMode: 'result' });
    expect(delaySecondsOf(undefined, accepting({ limits: { delaySeconds: 60 } }).services)).toBe(60);
    expect(own).toMatchObject({ mayAttempt: false, receipt: { delayedUntil: start + 10_000, claims: 0 } });
  });

  test.each<readonly [string, Partial<Platform>]>([
    ['in-progress', {}],
    ['in-progress', { sendsAgain: () => false }],
    ['send-again', { sendsAgain: () => true }],
  ])('first reply of a platform that waits: is %s until the result is known (%#)', async (as, platform) => {
    const { receipt } = await accepting().accepted({}, { responseMode: 'result', ...platform });
    expect(receipt.firstReply).toEqual({ at: start, as });
  });

  test('callbacks: the first ten to listed origins, with an alarm for each rule that drops others', async () => {
    const { accepted, harness, lines } = accepting();
    const callbacks = (count: number) =>
      Array.from({ length: count }, (_, at) => ({ url: `${origin}/${at}`, headers: {} }));
    const platform = { callbackOrigins: [origin] };
    expect((await accepted({ callbacks: callbacks(10) }, platform)).personalData.callbacks).toEqual(callbacks(10));
    expect(harness.alarms()).toEqual([]);
    const more = [{ url: 'https://elsewhere.example.com/', headers: {} }, ...callbacks(11)];
    const { personalData } = await accepted({ reference: 'other', callbacks: more }, platform);
    expect(personalData.callbacks).toEqual(callbacks(10));
    const alarm = { event: 'alarm', platform: 'shop' };
    expect(lines).toContainEqual({ ...alarm, alarm: 'callback-origin-refused' });
    expect(lines).toContainEqual({ ...alarm, alarm: 'callbacks-dropped' });
  });

  test('another delivery of a closed request: raises an alarm; the same one, or that of an open request, does not', async () => {
    const { accepted, harness, lines } = accepting();
    const { receipt } = await accepted({ deliveryId: 'd-1' });
    await accepted({ deliveryId: 'd-2' });
    await harness.sweep();
    await accepted({ deliveryId: 'd-1' });
    expect(harness.alarms()).toEqual([]);
    await accepted({ deliveryId: 'd-2' });
    expect(harness.alarms()).toEqual(['repeated-redaction']);
    const line = { event: 'alarm', alarm: 'repeated-redaction', platform: 'shop', receipt: receipt.id };
    expect(lines).toContainEqual(line);
  });

  test('new request that an operator decided on: has a number, the decision and its time', async () => {
    const { accepted, harness, services } = accepting();
    const { receipt: shop } = await services.pseudonymizer();
    const reference = 'order#1-b';
    let { receipt } = await accepted({ reference, submittedAt: start - 1000 });
    for (let number = 1; number <= 11; number += 1) {
      await harness.sweep(harness.clock.now + 1000);
      const decision = { at: harness.clock.now, actor: 'zoe', action: 'new-request', reason: 'asked again' } as const;
      const decided = newRequestDecided(await harness.receipt(receipt.id), decision);
      expect(await harness.store.replace(decided!)).toBe(true);
      ({ receipt } = await accept({ ...requestOf({ reference }), receivedAt: harness.clock.now }, services));
      expect(receipt).toMatchObject({ decisions: [decision], submittedAt: harness.clock.now });
      expect(receipt.id).toBe(shop('shop', '', `${reference}#${number}`));
    }
  });

  test('attempt: ends when seven eighths of the answer budget are used', () => {
    const { services } = accepting({ limits: { answerBudgetMs: 8000 } });
    expect(attemptUntil(requestOf(), services)).toBe(start + 7000);
  });

  test('first calls: are reserved while the receipt is stored, unless a project needs a token first', () => {
    const { services } = accepting({ projects: ['main', 'us'] });
    const { settings } = services;
    const main = { ...settings.projects['main']!, auth: 'oauth' as const };
    const withToken = { ...services, settings: { ...settings, projects: { ...settings.projects, main } } };
    const receipt = (...projects: readonly string[]) => receiptOf({}, projects);
    expect(reservesWhileStoring(receipt('main', 'us'), services)).toBe(true);
    expect(reservesWhileStoring(receipt('main', 'us'), withToken)).toBe(false);
    expect(reservesWhileStoring(receipt('us', 'left-the-settings'), withToken)).toBe(true);
  });
});

describe('limit and counters of requests', () => {
  const pauses = { paused: new Set<never>(), resumedAt: new Map() };

  test('unavailable pauses and holds: nothing may be attempted', async () => {
    const { services } = accepting();
    expect(await countAndAdmit(receiptOf(), undefined, services)).toBe(false);
    expect(await countAndAdmit(receiptOf(), pauses, services)).toBe(true);
    const failing = () => Promise.reject(new Error('the store fails'));
    const control = { ...services.control, read: failing, count: failing };
    expect(await countAndAdmit(receiptOf(), pauses, { ...services, control })).toBe(false);
    expect(await readStopsFor(receiptOf(), { ...services, control })).toBe(undefined);
    expect(await readStopsFor(receiptOf(), services)).toMatchObject({ holdsExist: false });
  });

  test('counters: are by hour or day, and expire', async () => {
    const counted: unknown[] = [];
    const { services, lines } = accepting({
      change: ({ control }) => ({
        control: {
          ...control,
          count: async (...parts) => {
            counted.push(parts);
            return 1;
          },
        },
      }),
    });
    await countAndAdmit(receiptOf(), pauses, services);
    await countAndAdmit(receiptOf(), { ...pauses, resumedAt: new Map([['platform:generic', start - 1]]) }, services);
    await countAndAdmit(receiptOf(), { ...pauses, resumedAt: new Map([['platform:generic', start + 1]]) }, services);
    await countIgnored('generic', services);
    const hour = `request-count#generic#${start / 3_600_000}`;
    const expiresAt = (start + 2 * day) / 1000;
    expect(counted).toEqual([
      ...[1, 2, 3].map(() => [hour, expiresAt]),
      [`${hour}#${start + 1}`, expiresAt],
      ['ignored-count#generic#2026-11-24', (start + 775 * day) / 1000],
    ]);
    expect(lines).toContainEqual({ event: 'ignored', platform: 'generic' });
  });

  test('too many: the alarm names the platform', async () => {
    const { services, lines } = accepting({ limits: { requestsPerHour: 1 } });
    for (let count = 0; count < 2; count += 1) await countAndAdmit(receiptOf(), pauses, services);
    expect(lines).toEqual([{ event: 'alarm', alarm: 'platform-paused', platform: 'generic' }]);
  });
});

test('withdrawal: is logged with its result', async () => {
  const { accepted, lines, services } = accepting();
  const { receipt } = await accepted();
  for (let count = 0; count < 2; count += 1) await withdraw({ scope: '', reference: uuid }, 'shop', services);
  const line = { event: 'withdrawal', platform: 'shop', receipt: receipt.id };
  expect(lines.slice(1)).toEqual([
    { ...line, code: 'withdrawn' },
    { ...line, code: 'not-withdrawn' },
  ]);
});

describe('orders that were pulled', () => {
  const expectAlarm = ({ lines }: Harness, alarm: string, rule: string) =>
    expect(lines.filter(line => line.alarm !== undefined)).toEqual([{ event: 'alarm', alarm, platform: 'shop', rule }]);

  test('many: at most 25 are stored at once, and each as a request without a reply', async () => {
    const { services, harness } = accepting();
    const { accept, counts } = countedAccepts(services.store);
    const platform = { ...manual, responseMode: 'result' } as const;
    await acceptPulled(
      'shop',
      platform,
      { erase: orders(50), unreadable: ['rule', 'rule'] },
      { ...services, store: { ...services.store, accept } },
    );
    expect(counts.most).toBe(25);
    const receipts = await harness.receipts();
    expect(receipts).toHaveLength(50);
    expect(receipts[0]).toMatchObject({ authentication: { scheme: 'pull', secret: 'current' }, claims: 0 });
    expect(receipts[0]).not.toHaveProperty('firstReply');
    expectAlarm(harness, 'request-rejected', 'rule');
  });

  test('order with other identities: raises an alarm, and the others are stored', async () => {
    const { services, harness } = accepting();
    const page = (erase: readonly ErasureRequest[]) =>
      acceptPulled('shop', manual, { erase, unreadable: [] }, services);
    await page(orders(1));
    const changed = { ...orders(1)[0]!, identities: [] };
    await page([changed, ...orders(2)]);
    expect(await harness.receipts()).toHaveLength(2);
    expectAlarm(harness, 'payload-mismatch', 'this request id was used before with other identities');
  });

  test('order that no receipt can hold: raises an alarm, and the others are stored', async () => {
    const { services, harness } = accepting();
    const identifiers = Array.from({ length: 100 }, (_, at) => one('source_id', `crm-${at}`)).flat();
    const erase = [erasureOf({ reference: 'large', identifiers }), ...orders(1)];
    await acceptPulled('shop', manual, { erase, unreadable: [] }, services);
    expect(await harness.receipts()).toHaveLength(1);
    expectAlarm(harness, 'request-rejected', 'identifiers: more than one request may contain');
  });

  test('order that is still listed a day after it was closed: raises an alarm', async () => {
    const { services, harness } = accepting();
    const pull = async (at: number) => {
      harness.clock.now = at;
      await acceptPulled('shop', manual, { erase: orders(1), unreadable: [] }, services);
      return harness.alarms();
    };
    await pull(start);
    expect(await pull(start + 2 * day)).toEqual([]);
    await harness.sweep();
    expect(await pull(start + 3 * day - 1)).toEqual([]);
    const [closed] = await harness.receipts();
    const waiting = nextRevision(closed!, { queue: 'callback', nextAttemptAt: start + 9 * day });
    await harness.store.replace(waiting);
    expect(await pull(start + 3 * day)).toEqual([]);
    await harness.store.replace(nextRevision(waiting, { queue: 'sign' }));
    expect(await pull(start + 3 * day)).toEqual(['request-rejected']);
  });
});

describe('request of a platform', () => {
  const wire: HttpRequest = { method: 'POST', path: '/webhooks/shop', headers: new Map(), rawBody: Buffer.from('') };
  const verify: Platform['verify'] = async () => ({ scheme: 'test', secret: 'current' });
  const parsing = (parsed: object) => () =>
    ({ ...parsed, reply: () => ({ status: 200, headers: {}, body: '' }) }) as never;

  function platformWith(more: Partial<Platform>, hasIgnored = false) {
    const { services, lines } = accepting();
    const platform: Platform = {
      ...manual,
      verify,
      parse: parsing({ erase: [], unreadable: ['a', 'a', 'b'], violation: 'c', hasIgnored }),
      ...more,
    };
    const { isPullOnly: _, ...callable } = platform;
    return { lines, services: { ...services, platforms: new Map([['shop', callable]]) } };
  }

  test('rules that it violates: raise one alarm each', async () => {
    const { lines, services } = platformWith({});
    await receive(wire, services);
    const alarm = { event: 'alarm', alarm: 'request-rejected', platform: 'shop' };
    expect(lines).toEqual(['a', 'b', 'c'].map(rule => ({ ...alarm, rule })));
  });

  test('nothing to do: is counted and raises no alarm', async () => {
    const { lines, services } = platformWith({ parse: parsing({ erase: [], hasIgnored: true }) });
    await receive(wire, services);
    expect(lines).toEqual([{ event: 'ignored', platform: 'shop' }]);
  });

  test('erasures: 25 are stored at once, each once, and without callbacks none is marked as answered', async () => {
    const erase = orders(50);
    const { services } = platformWith({ parse: parsing({ erase }) });
    const { accept, counts } = countedAccepts(services.store);
    const replace = () => Promise.reject(new Error('nothing is written again'));
    await receive(wire, { ...services, store: { ...services.store, accept, replace } });
    expect(counts).toEqual({ running: 0, most: 25, all: 50 });
  });

  /** Erases so many persons at once, each by a look-up and a deletion, for a platform that waits for the result. */
  async function erasedAtOnce(options: HarnessOptions, count = 1) {
    const { harness, services } = accepting(options);
    const erase = Array.from({ length: count }, (_, at) => {
      const customer = harness.addCustomer({ source_id: `crm-${at}` });
      return erasureOf({ reference: `order-${at}`, identifiers: one('customer_id', customer) });
    });
    const { isPullOnly: _, ...callable } = {
      ...manual,
      responseMode: 'result',
      parse: parsing({ erase }),
      verify,
    } as const;
    await receive(wire, { ...services, platforms: new Map([['shop', callable]]) });
    return harness.deleted().length;
  }

  test.each([
    ['with an API key', {}, 1],
    ['with OAuth, after one for the token', { auth: 'oauth' }, 2],
  ])('erasure that is attempted at once: its calls are reserved in one write %s', async (_, project, count) => {
    const { options, writes } = countedReservations();
    expect(await erasedAtOnce({ ...options, project })).toBe(1);
    expect(writes()).toBe(count);
  });

  test('two erasures at once: neither waits, because they may use the burst', async () => {
    const waits: number[] = [];
    const wait = async (ms: number) => void waits.push(ms);
    const project = { callsPerMinute: 60 };
    expect(await erasedAtOnce({ project, change: () => ({ wait }) }, 2)).toBe(2);
    expect(waits).toEqual([]);
  });

  test('wrong path or method: the reply says which rule', async () => {
    const { services } = platformWith({ hasStatusRoute: true, hasWithdrawalRoute: true });
    const thrown = (change: Partial<HttpRequest>) => receive({ ...wire, ...change }, services).catch(String);
    expect(await thrown({ path: '/webhooks/none' })).toContain('path: no such platform');
    expect(await thrown({ method: 'PUT', path: '/webhooks/shop/1' })).toContain('method: only GET, DELETE is allowed');
  });

  test.each([
    [new Failure('unimplemented', 'rule').markVerified(), 'request-rejected'],
    [new Failure('too-large', 'rule'), 'request-rejected'],
    [new Failure('invalid', 'rule').markVerified(), 'request-rejected'],
    [new Failure('invalid', 'rule'), undefined],
    [new Failure('internal', 'rule').markVerified(), undefined],
    [new Failure('unavailable', 'rule').markVerified(), undefined],
  ])('%s: raises an alarm if the request would be lost', (failure, alarm) => {
    const { lines, services } = platformWith({});
    errorReply(wire, failure, services);
    expect(lines[0]?.alarm).toBe(alarm);
    errorReply({ ...wire, path: '/other' }, failure, services);
    expect(lines[1]).not.toHaveProperty('platform');
  });
});

test('event of an operator: the failure names the first wrong field, and a request has the terms of this service', () => {
  const message = (event: unknown) => failureOf(() => parseManualEvent(event)).message;
  expect(message(1)).toBe('event: is missing or not valid');
  expect(message({ manual: { action: 'preview', requests: [{ reference: uuid, identifiers: [] }, {}] } })).toBe(
    'manual.requests.0.identifiers: is missing or not valid',
  );
  expect(manualErasure({ reference: uuid, identifiers: [{ kind: 'source_id', value: 'crm-1' }] })).toEqual(erasureOf());
});
