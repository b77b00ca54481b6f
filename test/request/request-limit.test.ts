import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { pause, resume } from '../../lambda/control/pauses.ts';
import type { Adapters } from '../../lambda/services.ts';
import { segmentWire } from '../platforms/segment-messages.ts';
import { changedStore, createHarness, fixtureTime, type Harness } from '../support/harness.ts';
import {
  account,
  addPerson,
  callKinds,
  deleteRequest,
  ketchHarness,
  ketchSecretText,
  ketchSection,
  ketchWire,
  receiptStates,
  requestErasure,
  statusOf,
  tenant,
} from '../support/ketch.ts';
import { memoryRows } from '../support/memory-rows.ts';
import { hour, minute } from '../support/quota-world.ts';

/** The limit of requests per hour. */
const most = 4;
const limits = { requestsPerHour: most };
const paused = 'platform-paused';

function why(harness: Harness) {
  return { actor: 'ada', reason: 'tested', at: harness.clock.now };
}

function resumeKetch(harness: Harness): Promise<boolean> {
  return resume('platform:ketch', why(harness), harness.services.control);
}

/** Sends requests for existing customers in turn, and returns the status in each reply. */
async function askFor(harness: Harness, count: number, from = 0): Promise<readonly (string | number)[]> {
  const words: (string | number)[] = [];
  for (let person = from; person < from + count; person += 1) {
    addPerson(harness, `crm-${person}`);
    words.push(statusOf(await requestErasure(harness, `crm-${person}`)));
  }
  return words;
}

const completed = (count: number) => Array<string>(count).fill('completed');
const inProgress = (count: number) => Array<string>(count).fill('in_progress');

describe('requests of one platform in an hour', () => {
  test('over the limit: pauses the platform and raises one alarm', async () => {
    const harness = ketchHarness({ limits });
    expect(await askFor(harness, most)).toEqual(completed(most));
    expect(harness.alarms()).toEqual([]);
    expect(await askFor(harness, 5, most)).toEqual(inProgress(5));
    expect(harness.alarms()).toEqual([paused]);
    expect(harness.lines.find(line => line.alarm === paused)).toMatchObject({ platform: 'ketch' });
    expect(harness.sandbox.deletions()).toHaveLength(most);
    const rows = await harness.services.control.read(['pause#platform:ketch']);
    expect(rows.get('pause#platform:ketch')?.value).toMatchObject({
      pause: { actor: 'request-limit', reason: expect.stringContaining('requestsPerHour'), at: fixtureTime },
    });
  });

  test('during the pause: are stored, and all are erased after it', async () => {
    const harness = ketchHarness({ limits });
    await askFor(harness, 3 * most);
    for (let waited = 0; waited < 10; waited += 1) {
      await harness.sweep(harness.clock.now + hour);
    }
    expect(harness.sandbox.deletions()).toHaveLength(most);
    expect(harness.alarms()).toEqual([paused]);
    await resumeKetch(harness);
    await harness.sweep(harness.clock.now + hour);
    expect(await receiptStates(harness)).toEqual(Array.from({ length: 3 * most }, () => 'erased'));
    expect(harness.sandbox.deletions()).toHaveLength(3 * most);
    expect(harness.alarms()).toEqual([paused]);
  });

  test('at once: are limited exactly, with one pause and one alarm', async () => {
    const harness = ketchHarness({ limits });
    for (let person = 0; person < 30; person += 1) addPerson(harness, `crm-${person}`);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, person) => requestErasure(harness, `crm-${person}`)),
    );
    expect(answers.map(statusOf).filter(word => word === 'completed')).toHaveLength(most);
    expect(harness.sandbox.deletions()).toHaveLength(most);
    expect(harness.alarms()).toEqual([paused]);
    expect(await receiptStates(harness)).toHaveLength(30);
  });

  test('over the limit, without a match: has no outcome yet', async () => {
    const harness = ketchHarness({ limits });
    await askFor(harness, most);
    expect(statusOf(await requestErasure(harness, 'unknown'))).toBe('in_progress');
    expect(await receiptStates(harness)).toContain('open');
  });

  test('count that is not a number: pauses the platform and raises the alarm', async () => {
    const unreadable = ({ control }: Adapters) => ({ control: { ...control, count: async () => Number.NaN } });
    const harness = ketchHarness({ limits, change: unreadable });
    expect(await askFor(harness, 1)).toEqual(inProgress(1));
    await harness.sweep(harness.clock.now + hour);
    expect(harness.sandbox.deletions()).toEqual([]);
    expect(harness.alarms()).toEqual([paused]);
  });

  test('next clock hour: starts a new count', async () => {
    const harness = ketchHarness({ limits });
    await askFor(harness, most);
    harness.clock.now += hour - 1;
    expect(await askFor(harness, 1, 10)).toEqual(inProgress(1));
    const other = ketchHarness({ limits });
    await askFor(other, most);
    other.clock.now += hour;
    expect(await askFor(other, most, 10)).toEqual(completed(most));
    expect(other.alarms()).toEqual([]);
  });
});

describe('calls reserved while the request is stored', () => {
  const tokenTime = async ({ services }: Harness) =>
    (await services.control.read(['rate-limit#main'])).get('rate-limit#main')?.tokenTime;

  test('repeated or contradictory request: returns them', async () => {
    const harness = ketchHarness({ limits });
    expect(await askFor(harness, 1)).toEqual(completed(1));
    const before = await tokenTime(harness);
    expect(before).toBeGreaterThan(harness.clock.now);
    const uid = '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11';
    await harness.send(ketchWire(deleteRequest({ identities: [account('crm-0')] }, { metadata: { uid, tenant } })));
    const own = await tokenTime(harness);
    for (const person of ['crm-0', 'crm-other']) {
      await harness.send(ketchWire(deleteRequest({ identities: [account(person)] }, { metadata: { uid, tenant } })));
      expect(await tokenTime(harness)).toBe(own);
    }
  });

  test('request over the limit: records that no deletion was sent', async () => {
    const harness = ketchHarness({ limits: { requestsPerHour: 1 } });
    await askFor(harness, 2);
    const [, second] = await harness.receipts();
    const main = { pins: 1, deletions: [], mayHaveExecuted: false };
    expect(second).toMatchObject({ state: 'open', lastResult: 'request-limit', projects: { main } });
  });

  test('request that ends early: is counted before the reply', async () => {
    const order: string[] = [];
    const rows = memoryRows();
    const count: Adapters['control']['count'] = async (...args) => {
      for (let turn = 0; turn < 20; turn += 1) await setImmediate();
      order.push('counted');
      return rows.count(...args);
    };
    const harness = ketchHarness({
      change: ({ store }) => ({
        control: { ...rows, count },
        store: { ...store, replace: () => Promise.reject(new Error('the store is down')) },
      }),
    });
    harness.intercept = () => ({ kind: 'response', status: 400, headers: {}, body: '{}' });
    const { status } = await harness.send(ketchWire());
    order.push('replied');
    expect(status).toBe(500);
    expect(order).toEqual(['counted', 'replied']);
  });

  test('project with OAuth: no token is requested before the receipt is stored', async () => {
    const harness = ketchHarness({
      project: { auth: 'oauth' },
      ...changedStore(() => ({ accept: () => Promise.reject(new Error('the store is down')) })),
    });
    await harness.send(ketchWire());
    expect(harness.sandbox.calls()).toEqual([]);
  });
});

describe('unavailable count', () => {
  test('request: is stored for the sweep', async () => {
    const control = { ...memoryRows(), count: async () => Promise.reject(new Error('the store is down')) };
    const harness = ketchHarness({ limits, change: () => ({ control }) });
    expect(await askFor(harness, 1)).toEqual(inProgress(1));
    expect(callKinds(harness)).toEqual(['get']);
    expect(await harness.sweep(harness.clock.now + hour)).toMatchObject({ closed: 1 });
  });

  test('request that is counted late: deletes nobody before its count is known', async () => {
    const rows = memoryRows();
    const counted = Promise.withResolvers<void>();
    const count: Adapters['control']['count'] = (...args) => counted.promise.then(() => rows.count(...args));
    const harness = ketchHarness({ limits, change: () => ({ control: { ...rows, count } }) });
    const asked = askFor(harness, 1);
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    expect(callKinds(harness)).toEqual(['get']);
    counted.resolve();
    expect(await asked).toEqual(completed(1));
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });

  test('pause not stored: no request is attempted, and the next one pauses', async () => {
    const rows = memoryRows();
    let works = false;
    const write: typeof rows.write = async (key, ...rest) => {
      if (key.startsWith('pause#') && !works) throw new Error('the store is down');
      return rows.write(key, ...rest);
    };
    const harness = ketchHarness({ limits, change: () => ({ control: { ...rows, write } }) });
    expect(await askFor(harness, most + 2)).toEqual([...completed(most), ...inProgress(2)]);
    expect(harness.alarms()).toEqual([]);
    works = true;
    expect(await askFor(harness, 2, 100)).toEqual(inProgress(2));
    expect(harness.alarms()).toEqual([paused]);
  });
});

describe('requests that are not counted', () => {
  test('repeated requests: whatever their outcome', async () => {
    const harness = ketchHarness({ limits });
    addPerson(harness, 'crm-1');
    const uid = '22880925-aac5-42f9-a653-cb6921d361ff';
    for (let again = 0; again < 5 * most; again += 1) await requestErasure(harness, 'crm-1', { uid });
    expect(await askFor(harness, most - 1, 10)).toEqual(completed(most - 1));
    expect(await askFor(harness, 1, 20)).toEqual(inProgress(1));
  });

  test('requests of another platform: are not counted', async () => {
    const harness = createHarness({
      limits,
      platforms: { ketch: ketchSection, segment: {} },
      secrets: {
        'erasure/platform/ketch': ketchSecretText(),
        'erasure/platform/segment': JSON.stringify({ current: 'segment-secret-of-the-tests-1' }),
      },
    });
    const event = (at: number) =>
      segmentWire({ type: 'delete', userId: `u-${at}`, messageId: `m-${at}`, timestamp: '2026-01-15T11:59:58.276Z' });
    for (let at = 0; at < most; at += 1) await harness.send(event(at));
    expect(await askFor(harness, most)).toEqual(completed(most));
    expect(harness.alarms()).toEqual([]);
    await harness.send(event(most));
    expect(harness.lines.filter(line => line.alarm === paused)).toMatchObject([{ platform: 'segment' }]);
  });
});

describe('platform resumed within the hour', () => {
  test.each([
    ['at once', 0],
    ['after some more requests', 2],
    ['after just as many more', most - 1],
    ['after many more', 3 * most + 1],
  ])('%s: accepts the limit again and is then paused with a second alarm', async (_, more) => {
    const harness = ketchHarness({ limits });
    await askFor(harness, most + 1 + more);
    harness.clock.now += minute;
    await resumeKetch(harness);
    expect(await askFor(harness, most, 100)).toEqual(completed(most));
    expect(harness.alarms()).toEqual([paused]);
    expect(await askFor(harness, 3, 200)).toEqual(inProgress(3));
    expect(harness.alarms()).toEqual([paused, paused]);
  });

  test('several times: can be resumed each time', async () => {
    const harness = ketchHarness({ limits });
    await askFor(harness, most + 1);
    for (let round = 1; round <= 3; round += 1) {
      harness.clock.now += minute;
      await resumeKetch(harness);
      expect(await askFor(harness, most + 1, round * 100)).toEqual([...completed(most), ...inProgress(1)]);
    }
  });

  test('next hour: counts as usual', async () => {
    const harness = ketchHarness({ limits });
    await askFor(harness, most + 1);
    await resumeKetch(harness);
    harness.clock.now += hour;
    expect(await askFor(harness, most + 1, 100)).toEqual([...completed(most), ...inProgress(1)]);
  });
});

test('existing pause, limit exceeded: adds no pause and no alarm', async () => {
  const harness = ketchHarness({ limits });
  await pause('all', why(harness), harness.services.control);
  expect(await askFor(harness, 3 * most)).toEqual(inProgress(3 * most));
  expect(harness.alarms()).toEqual([]);
  await resume('all', why(harness), harness.services.control);
  expect(await askFor(harness, 1, 100)).toEqual(inProgress(1));
  expect(harness.alarms()).toEqual([paused]);
});
