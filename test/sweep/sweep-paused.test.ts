import { describe, expect, test } from 'vitest';
import { type PauseScope, pause, resume } from '../../lambda/control/pauses.ts';
import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import { decideRefusal } from '../../lambda/receipts/transitions.ts';
import { changedStore, createHarness, fixtureTime, type Harness, one, start } from '../support/harness.ts';
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
} from '../support/ketch.ts';
import { memoryRows } from '../support/memory-rows.ts';

const minute = 60_000;
const why = { actor: 'ada', reason: 'the shop moves', at: fixtureTime };
const pauseOf = (harness: Harness, scope: PauseScope) => pause(scope, why, harness.services.control);
const resumeOf = (harness: Harness, scope: PauseScope) => resume(scope, why, harness.services.control);

async function sweepAfter(harness: Harness, ms: number) {
  harness.clock.now += ms;
  return harness.sweep();
}

describe.each<PauseScope>(['all', 'platform:ketch', 'project:main'])('paused: %s', scope => {
  test('request: is accepted and stored without a call to Voucherify', async () => {
    const harness = ketchHarness();
    addPerson(harness, 'crm-1');
    await pauseOf(harness, scope);
    expect(statusOf(await requestErasure(harness, 'crm-1'))).toBe('in_progress');
    expect(await receiptStates(harness)).toEqual(['open']);
    expect(callKinds(harness)).toEqual([]);
    expect(harness.alarms()).toEqual([]);
  });

  test('request: returns the calls that it reserved', async () => {
    const harness = ketchHarness();
    await pauseOf(harness, scope);
    const started = harness.clock.now;
    for (const sourceId of ['crm-1', 'crm-2', 'crm-3']) await requestErasure(harness, sourceId);
    await harness.sweep(harness.clock.now + 60 * minute);
    const rows = await harness.services.control.read(['rate-limit#main']);
    expect(rows.get('rate-limit#main')?.tokenTime).toBe(started);
  });

  test('sweep: claims nothing until the pause ends, then finishes all', async () => {
    const harness = ketchHarness();
    const ids = ['crm-1', 'crm-2'].map(sourceId => addPerson(harness, sourceId));
    await pauseOf(harness, scope);
    for (const sourceId of ['crm-1', 'crm-2']) await requestErasure(harness, sourceId);
    const before = (await harness.receipts()).map(({ claims }) => claims);
    for (let hour = 0; hour < 30; hour += 1) {
      expect(await sweepAfter(harness, 60 * minute)).toMatchObject({ unclaimed: 2, claimed: 0, failed: 0 });
    }
    expect((await harness.receipts()).map(({ claims }) => claims)).toEqual(before);
    expect(callKinds(harness)).toEqual([]);
    await resumeOf(harness, scope);
    expect(await sweepAfter(harness, 5 * minute)).toMatchObject({ unclaimed: 0, closed: 2 });
    expect(new Set(harness.sandbox.deletions().map(({ customerId }) => customerId))).toEqual(new Set(ids));
  });

  test('started receipt: is not attempted either', async () => {
    const harness = ketchHarness();
    addPerson(harness, 'crm-1');
    harness.sandbox.outage('error');
    await requestErasure(harness, 'crm-1');
    harness.sandbox.outage(undefined);
    await pauseOf(harness, scope);
    const before = callKinds(harness).length;
    await sweepAfter(harness, 60 * minute);
    expect(callKinds(harness)).toHaveLength(before);
  });
});

describe('pause', () => {
  test.each<[PauseScope, readonly string[]]>([
    ['platform:ketch', ['open', 'erased']],
    ['platform:ketch-2', ['erased', 'open']],
    ['project:us', ['open', 'erased']],
    ['project:eu', ['erased', 'open']],
    ['all', ['open', 'open']],
  ])('%s: does not affect others', async (scope, states) => {
    const sender = {
      type: 'generic',
      authentication: { kind: 'header' },
      rules: [{ when: { '/kind': 'DeleteRequest' }, do: 'erase' }],
      reference: '/metadata/uid',
      identifiers: { list: '/request/identities', value: '/identityValue', kind: 'source_id' },
    };
    const harness = createHarness({
      projects: ['us', 'eu'],
      platforms: {
        ketch: { ...ketchSection, projects: ['us'] },
        'ketch-2': { ...sender, projects: ['eu'] },
      },
      secrets: { 'erasure/platform/ketch': ketchSecretText(), 'erasure/platform/ketch-2': ketchSecretText() },
    });
    addPerson(harness, 'crm-1', 'us');
    addPerson(harness, 'crm-1', 'eu');
    await pauseOf(harness, scope);
    await requestErasure(harness, 'crm-1');
    const other = ketchWire(deleteRequest({ identities: [account('crm-1')] }));
    await harness.send({ ...other, path: '/webhooks/ketch-2' });
    await sweepAfter(harness, 10 * minute);
    expect(await receiptStates(harness)).toEqual(states);
  });

  test('unreachable store: counts as a pause, and the request is stored for later', async () => {
    let down = true;
    const harness = ketchHarness({ change: () => ({ control: reachable(() => !down) }) });
    addPerson(harness, 'crm-1');
    expect(statusOf(await requestErasure(harness, 'crm-1'))).toBe('in_progress');
    expect(await sweepAfter(harness, 60 * minute)).toMatchObject({ claimed: 0, unclaimed: 1, failed: 2 });
    expect(callKinds(harness)).toEqual([]);
    down = false;
    expect(await sweepAfter(harness, 60 * minute)).toMatchObject({ closed: 1 });
  });

  test('unseen pin without a deletion request: a 404 after the pause is no erasure', async () => {
    const harness = ketchHarness();
    await pauseOf(harness, 'all');
    const identities = [{ ...account('cust_BBBBBBBBBBBBBBBBBBBBBBBB'), identitySpace: 'customer' }];
    await harness.send(ketchWire(deleteRequest({ identities })));
    await resumeOf(harness, 'all');
    await sweepAfter(harness, 60 * minute);
    expect(await receiptStates(harness)).toEqual(['no-match']);
  });
});

describe('backlog under a pause', () => {
  const count = 120;
  const day = 24 * 60 * minute;

  /** A harness that counts the calls of its store, with receipts that are due. */
  async function backlog(change: (control: VersionedStore) => Partial<VersionedStore> = () => ({})) {
    const calls = { read: 0, replace: 0 };
    const harness = createHarness({
      change: ({ store, control }) => ({
        control: { ...control, ...change(control) },
        store: {
          ...store,
          read: receipt => {
            calls.read += 1;
            return store.read(receipt);
          },
          replace: (...asked) => {
            calls.replace += 1;
            return store.replace(...asked);
          },
        },
      }),
    });
    for (let index = 0; index < count; index += 1) await harness.accept(one('source_id', `crm-${index}`));
    return { harness, calls };
  }

  test('paused receipts: none is written, only the oldest are read, and the resume writes none', async () => {
    const { harness, calls } = await backlog();
    await pauseOf(harness, 'project:main');
    for (let sweeps = 1; sweeps <= 10; sweeps += 1)
      expect(await sweepAfter(harness, minute)).toMatchObject({ unclaimed: 100, claimed: 0, failed: 0, paused: 1 });
    expect(calls.replace).toBe(0);
    // A hundred to measure, and the most urgent one of the sweep before.
    expect(calls.read).toBeLessThanOrEqual(10 * 101);
    await resumeOf(harness, 'project:main');
    expect(calls.replace).toBe(0);
    expect(await sweepAfter(harness, minute)).toMatchObject({ unclaimed: 0, closed: count, paused: 0 });
  });

  test('pause that is set during the sweep: the rest is not claimed, and not read one by one', async () => {
    const { harness, calls } = await backlog();
    harness.intercept = async (_, pass) => {
      await pauseOf(harness, 'project:main');
      return pass();
    };
    const { closed, claimed, paused } = await harness.sweep();
    expect([closed, paused]).toEqual([claimed, 1]);
    expect(claimed).toBeLessThanOrEqual(10);
    // At most the fifty of the first batch, and then a hundred to measure.
    expect(calls.read).toBeLessThanOrEqual(50 + 101);
    expect(calls.replace).toBeLessThanOrEqual(3 * claimed);
  });

  test('pause of a platform that is not in settings: stops its receipts, and they are swept after it', async () => {
    const { harness, calls } = await backlog();
    await pauseOf(harness, 'platform:generic');
    expect(harness.services.platforms.has('generic')).toBe(false);
    expect(await harness.sweep()).toMatchObject({ claimed: 0, failed: 0 });
    expect(calls.replace).toBe(0);
    await resumeOf(harness, 'platform:generic');
    expect(await harness.sweep()).toMatchObject({ closed: count });
  });

  test('refused by an operator: is closed, also if the pauses cannot be read', async () => {
    let isReadable = true;
    const { harness } = await backlog(control => ({
      read: async keys => {
        if (!isReadable) throw new Error('the store is down');
        return control.read(keys);
      },
    }));
    await pauseOf(harness, 'all');
    const refuse = async (id: string) => {
      const decided = { action: 'refuse', actor: 'ada', reason: 'not authentic', at: start } as const;
      expect(await harness.store.replace(decideRefusal(await harness.receipt(id), decided)!)).toBe(true);
    };
    await refuse('receipt-7');
    expect(await harness.sweep(start + 2 * minute)).toMatchObject({ closed: 1, claimed: 1 });
    expect(await harness.receipt('receipt-7')).toMatchObject({ state: 'refused' });
    isReadable = false;
    await refuse('receipt-8');
    const blind = await harness.sweep(start + 4 * minute);
    expect(blind).toMatchObject({ closed: 1, claimed: 1, unclaimed: 100 });
    expect(blind).not.toHaveProperty('paused');
    expect(harness.sent).toEqual([]);
  });

  test('receipt that is accepted under a pause: its age and due date are reported', async () => {
    const { harness } = await backlog();
    await pauseOf(harness, 'all');
    harness.clock.now += 1000;
    await harness.accept(one('source_id', 'crm-urgent'), { dueAt: start + 1000 + 10 * day });
    expect(await harness.sweep(start + 5 * day)).toMatchObject({ oldestOpenMs: 5 * day, deadlineUsedPercent: 16 });
    for (let index = 1; index <= 60; index += 1) {
      const decided = { action: 'refuse', actor: 'ada', reason: 'not authentic', at: harness.clock.now } as const;
      await harness.store.replace(decideRefusal(await harness.receipt(`receipt-${index}`), decided)!);
    }
    expect(await sweepAfter(harness, minute)).toMatchObject({ deadlineUsedPercent: 50 });
  });

  test('paused receipt that cannot be read: the others are measured', async () => {
    const harness = createHarness({
      ...changedStore(store => ({
        read: async receipt => {
          if (receipt === 'receipt-1') throw new Error('a newer version wrote it');
          return store.read(receipt);
        },
      })),
    });
    for (const sourceId of ['crm-1', 'crm-2']) await harness.accept(one('source_id', sourceId));
    await pauseOf(harness, 'all');
    expect(await sweepAfter(harness, minute)).toMatchObject({ failed: 1, unclaimed: 2, oldestOpenMs: minute });
  });
});

function reachable(isUp: () => boolean) {
  const control = memoryRows();
  const guarded =
    <A extends unknown[], T>(verb: (...args: A) => Promise<T>) =>
    async (...args: A) => {
      if (!isUp()) throw new Error('the store is down');
      return verb(...args);
    };
  return {
    read: guarded(control.read),
    write: guarded(control.write),
    advance: guarded(control.advance),
    moveBack: guarded(control.moveBack),
    count: guarded(control.count),
  };
}
