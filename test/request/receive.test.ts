import { describe, expect, test } from 'vitest';
import type { ErasureRequest } from '../../lambda/domain/erasure.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { jsonReply } from '../../lambda/domain/http.ts';
import type { ParsedRequest, Platform } from '../../lambda/platforms/platform.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { storeUnavailable } from '../../lambda/receipts/rows.ts';
import { receive } from '../../lambda/request/receive.ts';
import type { Services } from '../../lambda/services.ts';
import type { Wire } from '../support/event.ts';
import { forbiddenAdapters } from '../support/forbidden-adapters.ts';
import { changedStore, createHarness, fixtureTime, type Harness, type HarnessOptions } from '../support/harness.ts';
import { account, callback, deleteRequest, ketchHarness, ketchWire } from '../support/ketch.ts';
import { requestOf } from '../support/requests.ts';

function withCallback(request: object = {}): Wire {
  return ketchWire(deleteRequest({ callbacks: [callback], ...request }));
}

const inProgress = { status: 200, json: { response: { status: 'in_progress' } } };
const unavailable = { status: 503, headers: { 'retry-after': '60' }, json: { error: { status: 'unavailable' } } };

/** A harness whose Voucherify is down. */
function downHarness(options: Partial<HarnessOptions> = {}): Harness {
  const harness = ketchHarness(options);
  harness.sandbox.outage('error');
  return harness;
}

/** The only receipt there is. */
async function receiptOf(harness: Harness): Promise<Receipt> {
  const [receipt, ...others] = await harness.receipts();
  expect(others).toEqual([]);
  return receipt!;
}

const sweepLater = (harness: Harness, ms = 3_600_000) => harness.sweep(harness.clock.now + ms);

const request = { ...requestOf({}), path: '/webhooks/steps' };
const erasure: ErasureRequest = {
  reference: 'r-1',
  scope: 's',
  identities: [],
  identifiers: [{ kind: 'source_id', value: 'crm-10042' }],
  callbacks: [],
};

/** A reply that names the outcomes, and records its step. */
function repliesWith(steps: string[]): ParsedRequest['reply'] {
  return results => {
    steps.push('reply');
    return jsonReply(
      200,
      results.map(({ outcome }) => outcome.kind),
    );
  };
}

/** A function that records a step and returns its result. */
function recordingIn(steps: string[]) {
  return <T>(step: string, result: T) => {
    steps.push(step);
    return result;
  };
}

/** A platform that records each of its steps; `change` replaces one. */
function recordingPlatform(steps: string[], change: Partial<Platform> = {}): Platform {
  const recorded = recordingIn(steps);
  return {
    responseMode: 'result',
    callbackOrigins: [],
    projects: undefined,
    checkSecret: () => recorded('check-secret', undefined),
    verify: async () => recorded('verify', { scheme: 'none', secret: 'current' as const }),
    parse: () => recorded<ParsedRequest>('read', { erase: [erasure], reply: repliesWith(steps) }),
    errorReply: (_, failure) => recorded('refuse', jsonReply(failure.status, failure.code)),
    buildCallbacks: async () => recorded('notify', []),
    ...change,
  };
}

/** Parts whose ports must not be touched, but those that `use` names. */
function partsFor(platform: Platform, use: (services: Services) => Partial<Services> = () => ({})) {
  const { services } = createHarness({ platforms: {}, secrets: {} });
  const { ports, calls } = forbiddenAdapters();
  return { services: { ...services, ...ports, platforms: new Map([['steps', platform]]), ...use(services) }, calls };
}

const thrownBy = (work: Promise<unknown>) => work.then(() => undefined).catch((thrown: unknown) => thrown);

describe('before authentication', () => {
  test('refused caller: nothing is read, looked up, written or sent', async () => {
    const steps: string[] = [];
    const refusal = new Failure('forbidden', 'no');
    const platform = recordingPlatform(steps, { verify: () => Promise.reject(refusal) });
    const { services, calls } = partsFor(platform);
    expect(await thrownBy(receive(request, services))).toBe(refusal);
    expect(refusal.verified).toBe(false);
    expect(steps).toEqual([]);
    expect(calls()).toEqual([]);
  });

  test('secret: only the platform’s own is read', async () => {
    const asked: string[] = [];
    const platform = recordingPlatform([], {
      verify: async (_, means) => {
        expect(await means.secret()).toBe('the text');
        expect(means.now()).toBe(fixtureTime);
        expect(Object.keys(means).toSorted()).toEqual(['now', 'secret', 'send']);
        throw new Failure('unauthorized', 'no');
      },
    });
    const readSecret = async (name: string) => {
      asked.push(name);
      return 'the text';
    };
    const { services, calls } = partsFor(platform, () => ({ readSecret }));
    await thrownBy(receive(request, services));
    expect(asked).toEqual(['erasure/platform/steps']);
    expect(calls()).toEqual([]);
  });

  test.each([
    ['another path', { path: '/webhooks/other' }, 'not-found'],
    ['another method', { method: 'GET' }, 'method-not-allowed'],
  ])('%s: is refused before its credentials are checked', async (_, change, code) => {
    const steps: string[] = [];
    const { services, calls } = partsFor(recordingPlatform(steps));
    expect(await thrownBy(receive({ ...request, ...change }, services))).toMatchObject({ code, verified: false });
    expect(steps).toEqual([]);
    expect(calls()).toEqual([]);
  });
});

describe('after authentication', () => {
  test('unreadable body: touches nothing', async () => {
    const steps: string[] = [];
    const platform = recordingPlatform(steps, {
      parse: () => {
        throw new Failure('invalid', 'why', { headers: { 'X-Why': 'so' } });
      },
    });
    const { services, calls } = partsFor(platform);
    expect(await thrownBy(receive(request, services))).toMatchObject({
      code: 'invalid',
      message: 'why',
      verified: true,
      headers: { 'X-Why': 'so' },
    });
    expect(steps).toEqual(['verify']);
    expect(calls()).toEqual([]);
  });

  test.each([
    ['a message that asks for nothing', { ignore: 'not-ours' }],
    ['a trial', { test: true as const }],
    ['an empty list', { erase: [] }],
  ])('%s: gets a reply and touches nothing', async (_, reading) => {
    const steps: string[] = [];
    const parse = () => ({ ...reading, reply: repliesWith(steps) });
    const { services, calls } = partsFor(recordingPlatform(steps, { parse }));
    expect(await receive(request, services)).toMatchObject({ status: 200, body: '[]' });
    expect(steps).toEqual(['verify', 'reply']);
    expect(calls()).toEqual([]);
  });

  test('failed store: no reply says accepted, and nothing is looked up', async () => {
    const steps: string[] = [];
    const refusal = new Failure('unavailable', 'down', { alarm: 'store-unavailable' });
    const { services, calls } = partsFor(recordingPlatform(steps), ({ store, pseudonymizer }) => ({
      pseudonymizer,
      store: { ...store, accept: () => Promise.reject(refusal) },
    }));
    expect(await thrownBy(receive(request, services))).toMatchObject({
      code: 'unavailable',
      alarm: 'store-unavailable',
      verified: true,
      headers: { 'Retry-After': '60' },
    });
    expect(steps).toEqual(['verify', 'read']);
    // Pauses, pace and whether holds exist are read beside the acceptance; they say nothing of anybody.
    expect(new Set(calls())).toEqual(new Set(['control.read']));
  });

  test.each(['', 'x'.repeat(42)])('unusable pepper %j: nothing is stored', async pepper => {
    const steps: string[] = [];
    const { ports, calls } = forbiddenAdapters();
    const harness = createHarness({
      platforms: {},
      secrets: { 'erasure/pepper': pepper },
      change: () => ({ store: ports.store, control: ports.control, send: ports.send }),
    });
    const services = { ...harness.services, platforms: new Map([['steps', recordingPlatform(steps)]]) };
    expect(await thrownBy(receive(request, services))).toMatchObject({ code: 'unavailable', alarm: 'pepper-unusable' });
    expect(steps).toEqual(['verify', 'read']);
    expect(calls()).toEqual([]);
  });

  test('erasure: is stored, then looked up, then answered', async () => {
    const steps: string[] = [];
    const noted = recordingIn(steps);
    const harness = createHarness({
      platforms: {},
      secrets: {},
      change: ({ store, send }) => ({
        send: call => noted(call.method, send(call)),
        store: {
          ...store,
          accept: (receipt, kept) => noted('accept', store.accept(receipt, kept)),
          replace: (next, also) =>
            noted(also?.pins === undefined ? `write ${next.state}` : 'pin', store.replace(next, also)),
        },
      }),
    });
    const services = { ...harness.services, platforms: new Map([['steps', recordingPlatform(steps)]]) };
    expect(await receive(request, services)).toMatchObject({ status: 200, body: '["erased"]' });
    expect(steps).toEqual(['verify', 'read', 'accept', 'GET', 'pin', 'POST', 'write erased', 'reply']);
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });
});

describe('repeated request', () => {
  test('open receipt: gets the current outcome without a call', async () => {
    const harness = downHarness();
    const first = await harness.send(withCallback());
    const calls = harness.sandbox.calls().length;
    const again = await harness.send(withCallback());
    expect(again.text).toBe(first.text);
    expect(harness.sandbox.calls()).toHaveLength(calls);
    expect(harness.lines.filter(line => line.event === 'accepted').map(line => line.code)).toEqual([
      'stored',
      'repeated',
    ]);
  });

  test('at once: is stored and erased once', async () => {
    const harness = ketchHarness();
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => harness.send(withCallback())));
    for (const { status, json } of answers) {
      expect(status).toBe(200);
      expect(json).toMatchObject({ response: { status: expect.stringMatching(/^(completed|in_progress)$/) } });
    }
    await sweepLater(harness);
    expect(await receiptOf(harness)).toMatchObject({ state: 'erased' });
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });

  test('other callbacks, dates and form data: is the same request', async () => {
    const harness = ketchHarness();
    const first = await harness.send(withCallback());
    harness.clock.now += 5000;
    const times = { submittedTimestamp: 1, dueTimestamp: 2 };
    const other = { callbacks: [], subject: { email: 'x@example.com' }, property: 'x', ...times };
    const again = await harness.send(withCallback(other));
    expect(again).toMatchObject({ status: 200 });
    expect(again.text).toBe(first.text);
  });

  test('callbacks: the first ones are kept and promised', async () => {
    const harness = downHarness();
    await harness.send(withCallback());
    expect(await harness.send(ketchWire())).toMatchObject(inProgress);
    const { id } = await receiptOf(harness);
    expect((await harness.services.store.readPersonalData(id))?.callbacks).toEqual([callback]);
  });

  test('callbacks only in the repetition: are not promised', async () => {
    const harness = downHarness();
    await harness.send(ketchWire());
    expect(await harness.send(withCallback())).toMatchObject(unavailable);
  });

  test('identities in another order: is the same request', async () => {
    const harness = ketchHarness();
    const identities = [account('crm-10042'), account('crm-10043')];
    const first = await harness.send(ketchWire(deleteRequest({ identities })));
    const again = await harness.send(ketchWire(deleteRequest({ identities: identities.toReversed() })));
    expect(again.text).toBe(first.text);
  });

  test.each([
    ['one more', [account('crm-10042'), account('crm-10043')]],
    ['one that is not mapped more', [account('crm-10042'), { identitySpace: 'x', identityValue: 'y' }]],
    ['another value', [account('crm-10042 ')]],
    ['another format', [{ ...account('crm-10042'), identityFormat: 'md5' }]],
    ['another space', [{ ...account('crm-10042'), identitySpace: 'email' }]],
    ['none', []],
  ])('%s: is a conflict, for open and closed receipts', async (_, identities) => {
    const harness = downHarness();
    await harness.send(ketchWire());
    const conflict = { status: 409, json: { kind: 'Error', metadata: {}, error: { code: 409, status: 'conflict' } } };
    expect(await harness.send(ketchWire(deleteRequest({ identities })))).toMatchObject(conflict);
    harness.sandbox.outage(undefined);
    await sweepLater(harness);
    expect(await harness.send(ketchWire(deleteRequest({ identities })))).toMatchObject(conflict);
    expect(harness.alarms()).toEqual(['payload-mismatch', 'payload-mismatch']);
    expect(harness.sandbox.deletions().map(({ sourceId }) => sourceId)).toEqual(['crm-10042']);
  });
});

describe('unfinished erasure', () => {
  test('callback: is stored as due before the reply', async () => {
    const harness = downHarness();
    expect(await harness.send(withCallback())).toMatchObject(inProgress);
    expect(await receiptOf(harness)).toMatchObject({ state: 'open', repliedInProgress: true, hasCallbacks: true });
  });

  test('callback not stored: no reply says in progress', async () => {
    const unwritten = ({ repliedInProgress }: Receipt) =>
      repliedInProgress ? Promise.reject(storeUnavailable()) : undefined;
    const failing = changedStore(store => ({ replace: (next, also) => unwritten(next) ?? store.replace(next, also) }));
    const harness = downHarness({ limits: { delaySeconds: 60 }, ...failing });
    expect(await harness.send(withCallback())).toMatchObject(unavailable);
    expect(await receiptOf(harness)).toMatchObject({ state: 'open', repliedInProgress: false });
    expect(harness.alarms()).toEqual(['store-unavailable']);
  });

  test('sweep faster than the mark: the reply has the final outcome', async () => {
    let swept: Promise<unknown> | undefined;
    const sweeping = changedStore(store => ({
      replace: async (next, also) => {
        if (next.repliedInProgress && swept === undefined) {
          harness.clock.now += 60_000;
          swept = harness.sweep();
          await swept;
        }
        return store.replace(next, also);
      },
    }));
    const harness: Harness = ketchHarness({ limits: { delaySeconds: 60 }, ...sweeping });
    expect(await harness.send(withCallback())).toMatchObject({
      json: { response: { status: 'completed', reason: 'executed' } },
    });
    expect(await receiptOf(harness)).toMatchObject({ state: 'erased' });
  });

  test('platform without callbacks for its outcome: requests it again and gets the result', async () => {
    const harness = downHarness();
    const wire = ketchWire();
    expect(await harness.send(wire)).toMatchObject(unavailable);
    expect(await harness.send(wire)).toMatchObject(unavailable);
    harness.sandbox.outage(undefined);
    await sweepLater(harness);
    expect(await harness.send(wire)).toMatchObject({ json: { response: { status: 'completed', reason: 'executed' } } });
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });

  test('result not stored: the request stays accepted', async () => {
    const harness = ketchHarness(
      changedStore(store => ({
        replace: (next, also) =>
          next.state === 'erased' ? Promise.reject(storeUnavailable()) : store.replace(next, also),
      })),
    );
    expect(await harness.send(withCallback())).toMatchObject(unavailable);
    expect(await receiptOf(harness)).toMatchObject({ state: 'open', repliedInProgress: false });
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });

  test('rate limit and pauses unavailable: the request stays accepted and nothing is looked up', async () => {
    const lost = () => Promise.reject(storeUnavailable());
    const control = { read: lost, write: lost, advance: lost, moveBack: lost, count: lost };
    const harness = ketchHarness({ change: () => ({ control }) });
    expect(await harness.send(withCallback())).toMatchObject(inProgress);
    expect(await receiptOf(harness)).toMatchObject({ state: 'open' });
    expect(harness.sandbox.calls()).toEqual([]);
  });
});

describe('postponed request', () => {
  test('delaySeconds: is stored, and the sweep erases after that time', async () => {
    const harness = ketchHarness({ limits: { delaySeconds: 60 } });
    expect(await harness.send(withCallback())).toMatchObject(inProgress);
    expect(await receiptOf(harness)).toMatchObject({ nextAttemptAt: harness.clock.now + 60_000, claims: 0 });
    await sweepLater(harness, 59_999);
    expect(harness.sandbox.calls()).toEqual([]);
    await sweepLater(harness, 1);
    expect(await receiptOf(harness)).toMatchObject({ state: 'erased' });
    expect(await harness.send(withCallback())).toMatchObject({ json: { response: { reason: 'executed' } } });
  });

  test('delaySeconds of the platform: replaces that of the limits, both ways', async () => {
    const harness = ketchHarness({ section: { delaySeconds: 30 }, limits: { delaySeconds: 60 } });
    await harness.send(withCallback());
    expect(await receiptOf(harness)).toMatchObject({ nextAttemptAt: harness.clock.now + 30_000, claims: 0 });
    const without = ketchHarness({ section: { delaySeconds: 0 }, limits: { delaySeconds: 60 } });
    expect(await without.send(withCallback())).toMatchObject({ json: { response: { reason: 'executed' } } });
  });

  test('without callbacks: the platform must request it again', async () => {
    const harness = ketchHarness({ limits: { delaySeconds: 60 } });
    expect(await harness.send(ketchWire())).toMatchObject(unavailable);
    expect(harness.sandbox.calls()).toEqual([]);
  });
});

test('first attempt of the sweep, time: is after the attempt of the request path must have ended', async () => {
  const stored: Receipt[] = [];
  const harness = downHarness({
    limits: { answerBudgetMs: 5000 },
    ...changedStore(store => ({
      accept: (receipt, kept) => {
        stored.push(receipt);
        return store.accept(receipt, kept);
      },
    })),
  });
  await harness.send(withCallback());
  const nextAttemptAt = harness.clock.now + 5000 + 7000;
  expect(stored).toMatchObject([{ nextAttemptAt, claims: 1, unrecordedClaims: 1, repliedInProgress: false }]);
});
