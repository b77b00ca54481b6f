import { describe, expect, it } from 'vitest';
import { type PauseScope, pause, resume } from '../../lambda/control/pauses.ts';
import { controlRows } from '../support/control-rows.ts';
import { fixtureTime, type House, houseFor } from '../support/house.ts';
import { account, deleteRequest, ketchHouse, ketchSecretText, ketchSection, ketchWire } from '../support/ketch.ts';
import { ask, callsIn, registered, statesIn, wordOf } from '../support/pace-ketch.ts';

const minute = 60_000;
const why = { actor: 'ada', reason: 'the shop moves', at: fixtureTime };
const pauseOf = (house: House, scope: PauseScope) => pause(scope, why, house.services.control);
const resumeOf = (house: House, scope: PauseScope) => resume(scope, why, house.services.control);

async function sweepAfter(house: House, ms: number) {
  house.clock.at += ms;
  return house.sweep();
}

describe.each<PauseScope>(['all', 'platform:ketch', 'project:main'])('paused: %s', scope => {
  it('request: is accepted and stored without a call to Voucherify', async () => {
    const house = await ketchHouse();
    registered(house, 'crm-1');
    await pauseOf(house, scope);
    expect(wordOf(await ask(house, 'crm-1'))).toBe('in_progress');
    expect(await statesIn(house)).toEqual(['open']);
    expect(callsIn(house)).toEqual([]);
    expect(house.alarms()).toEqual([]);
  });

  it('request: reserves no calls', async () => {
    const house = await ketchHouse();
    await pauseOf(house, scope);
    for (const sourceId of ['crm-1', 'crm-2', 'crm-3']) await ask(house, sourceId);
    house.clock.at += 60 * minute;
    await house.sweep();
    expect(await house.services.control.read(['rate-limit#main'])).toEqual(new Map());
  });

  it('sweep: claims nothing until the pause ends, then finishes all', async () => {
    const house = await ketchHouse();
    const ids = ['crm-1', 'crm-2'].map(sourceId => registered(house, sourceId));
    await pauseOf(house, scope);
    for (const sourceId of ['crm-1', 'crm-2']) await ask(house, sourceId);
    const before = (await house.receipts()).map(({ claims }) => claims);
    for (let hour = 0; hour < 30; hour += 1) {
      expect(await sweepAfter(house, 60 * minute)).toMatchObject({ held: 2, claimed: 0, failed: 0 });
    }
    expect((await house.receipts()).map(({ claims }) => claims)).toEqual(before);
    expect(callsIn(house)).toEqual([]);
    await resumeOf(house, scope);
    expect(await sweepAfter(house, 5 * minute)).toMatchObject({ held: 0, closed: 2 });
    expect(new Set(house.sandbox.deletions().map(({ customerId }) => customerId))).toEqual(new Set(ids));
  });

  it('started receipt: is not attempted either', async () => {
    const house = await ketchHouse();
    registered(house, 'crm-1');
    house.sandbox.outage('error');
    await ask(house, 'crm-1');
    house.sandbox.outage(undefined);
    await pauseOf(house, scope);
    const before = callsIn(house).length;
    await sweepAfter(house, 60 * minute);
    expect(callsIn(house)).toHaveLength(before);
  });
});

describe('pause', () => {
  it.each<[PauseScope, readonly string[]]>([
    ['platform:ketch', ['open', 'erased']],
    ['platform:ketch-2', ['erased', 'open']],
    ['project:us', ['open', 'erased']],
    ['project:eu', ['erased', 'open']],
    ['all', ['open', 'open']],
  ])('%s: does not affect others', async (scope, states) => {
    const sender = {
      type: 'generic',
      scheme: 'header',
      match: { '/kind': 'DeleteRequest' },
      reference: '/metadata/uid',
      identifiers: { '/request/identities/0/identityValue': 'source_id' },
    };
    const house = await houseFor({
      projects: ['us', 'eu'],
      platforms: {
        ketch: { ...ketchSection, projects: ['us'] },
        'ketch-2': { ...sender, projects: ['eu'] },
      },
      secrets: { 'erasure/platform/ketch': ketchSecretText(), 'erasure/platform/ketch-2': ketchSecretText() },
    });
    registered(house, 'crm-1', 'us');
    registered(house, 'crm-1', 'eu');
    await pauseOf(house, scope);
    await ask(house, 'crm-1');
    const other = ketchWire(deleteRequest({ identities: [account('crm-1')] }));
    await house.send({ ...other, path: '/webhooks/ketch-2' });
    await sweepAfter(house, 10 * minute);
    expect(await statesIn(house)).toEqual(states);
  });

  it('unreadable row: counts as a pause', async () => {
    const house = await ketchHouse({ change: () => ({ control: spoiled() }) });
    registered(house, 'crm-1');
    expect(wordOf(await ask(house, 'crm-1'))).toBe('in_progress');
    expect(await sweepAfter(house, 60 * minute)).toMatchObject({ held: 1, claimed: 0 });
    expect(callsIn(house)).toEqual([]);
  });

  it('unreachable store: counts as a pause, and the request is stored for later', async () => {
    let down = true;
    const house = await ketchHouse({ change: () => ({ control: reachable(() => !down) }) });
    registered(house, 'crm-1');
    expect(wordOf(await ask(house, 'crm-1'))).toBe('in_progress');
    expect(await sweepAfter(house, 60 * minute)).toMatchObject({ claimed: 0, failed: 2 });
    expect(callsIn(house)).toEqual([]);
    down = false;
    expect(await sweepAfter(house, 60 * minute)).toMatchObject({ closed: 1 });
  });

  it('unseen pin without a deletion request: a 404 after the pause is no erasure', async () => {
    const house = await ketchHouse();
    await pauseOf(house, 'all');
    const identities = [{ ...account('cust_BBBBBBBBBBBBBBBBBBBBBBBB'), identitySpace: 'customer' }];
    await house.send(ketchWire(deleteRequest({ identities })));
    await resumeOf(house, 'all');
    await sweepAfter(house, 60 * minute);
    expect(await statesIn(house)).toEqual(['no-match']);
  });
});

function spoiled() {
  const control = controlRows();
  return {
    ...control,
    read: async (keys: readonly string[]) => new Map(keys.map(key => [key, { revision: 1, value: undefined }])),
  };
}

function reachable(isUp: () => boolean) {
  const control = controlRows();
  const guarded =
    <A extends unknown[], T>(verb: (...args: A) => Promise<T>) =>
    async (...args: A) => {
      if (!isUp()) throw new Error('the store is down');
      return verb(...args);
    };
  return { read: guarded(control.read), write: guarded(control.write), count: guarded(control.count) };
}
