import { describe, expect, test } from 'vitest';
import { type PauseScope, pause, resume } from '../../lambda/control/pauses.ts';
import { createHarness, fixtureTime, type Harness } from '../support/harness.ts';
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
    harness.clock.now += 60 * minute;
    await harness.sweep();
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
      expect(await sweepAfter(harness, 60 * minute)).toMatchObject({ held: 2, claimed: 0, failed: 0 });
    }
    expect((await harness.receipts()).map(({ claims }) => claims)).toEqual(before);
    expect(callKinds(harness)).toEqual([]);
    await resumeOf(harness, scope);
    expect(await sweepAfter(harness, 5 * minute)).toMatchObject({ held: 0, closed: 2 });
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

  test('unreadable row: counts as a pause', async () => {
    const harness = ketchHarness({ change: () => ({ control: spoiled() }) });
    addPerson(harness, 'crm-1');
    expect(statusOf(await requestErasure(harness, 'crm-1'))).toBe('in_progress');
    expect(await sweepAfter(harness, 60 * minute)).toMatchObject({ held: 1, claimed: 0 });
    expect(callKinds(harness)).toEqual([]);
  });

  test('unreachable store: counts as a pause, and the request is stored for later', async () => {
    let down = true;
    const harness = ketchHarness({ change: () => ({ control: reachable(() => !down) }) });
    addPerson(harness, 'crm-1');
    expect(statusOf(await requestErasure(harness, 'crm-1'))).toBe('in_progress');
    expect(await sweepAfter(harness, 60 * minute)).toMatchObject({ claimed: 0, failed: 3 });
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

function spoiled() {
  const control = memoryRows();
  return {
    ...control,
    read: async (keys: readonly string[]) => new Map(keys.map(key => [key, { revision: 1, value: undefined }])),
  };
}

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
