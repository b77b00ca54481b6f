import { describe, expect, it } from 'vitest';
import { pause, resume } from '../lambda/pause.ts';
import { genericHouse, genericWire, order } from './platforms/generic-messages.ts';
import { segmentHouse, segmentWire } from './platforms/segment-messages.ts';
import { controlRows } from './support/control-rows.ts';
import { fixtureTime, type House, houseFor } from './support/house.ts';
import { ketchHouse, ketchSecretText, ketchSection, ketchWire } from './support/ketch.ts';
import { ask, callsIn, registered, statesIn, wordOf } from './support/pace-ketch.ts';

const minute = 60_000;
const hour = 60 * minute;
const most = 4;
const limits = { requestsPerHour: most };
const why = (house: House) => ({ actor: 'ada', reason: 'it was the spring cleaning', at: house.clock.at });
const resumed = (house: House) => resume('platform:ketch', why(house), house.parts.control);
const paused = 'platform-paused';

/** Asks for people whom everybody has; what each was answered. */
async function askFor(house: House, count: number, from = 0): Promise<readonly (string | number)[]> {
  const words: (string | number)[] = [];
  for (let person = from; person < from + count; person += 1) {
    registered(house, `crm-${person}`);
    words.push(wordOf(await ask(house, `crm-${person}`)));
  }
  return words;
}

const completed = (count: number) => Array.from({ length: count }, () => 'completed');
const held = (count: number) => Array.from({ length: count }, () => 'in_progress');

describe('requests of one platform in an hour', () => {
  it('proceed up to the limit; one more pauses the platform, and a person is told once', async () => {
    const house = await ketchHouse({ limits });
    expect(await askFor(house, most)).toEqual(completed(most));
    expect(house.alarms()).toEqual([]);
    expect(await askFor(house, 5, most)).toEqual(held(5));
    expect(house.alarms()).toEqual([paused]);
    expect(house.logged().find(line => line.alarm === paused)).toMatchObject({ platform: 'ketch' });
    expect(house.sandbox.deletions()).toHaveLength(most);
    const rows = await house.parts.control.read(['pause#platform:ketch']);
    expect(rows.get('pause#platform:ketch')?.value).toEqual({
      pause: { actor: 'intake', reason: expect.stringContaining('requestsPerHour'), at: fixtureTime },
    });
  });

  it('stay accepted and untouched as long as the pause stands, and are all done after it', async () => {
    const house = await ketchHouse({ limits });
    await askFor(house, 3 * most);
    for (let waited = 0; waited < 10; waited += 1) {
      house.clock.at += hour;
      await house.sweep();
    }
    expect(house.sandbox.deletions()).toHaveLength(most);
    expect(house.alarms()).toEqual([paused]);
    await resumed(house);
    house.clock.at += hour;
    await house.sweep();
    expect(await statesIn(house)).toEqual(Array.from({ length: 3 * most }, () => 'erased'));
    expect(house.sandbox.deletions()).toHaveLength(3 * most);
    expect(house.alarms()).toEqual([paused]);
  });

  it('that come at once proceed exactly as often, with one pause and one alarm', async () => {
    const house = await ketchHouse({ limits });
    for (let person = 0; person < 30; person += 1) registered(house, `crm-${person}`);
    const answers = await Promise.all(Array.from({ length: 30 }, (_, person) => ask(house, `crm-${person}`)));
    expect(answers.map(wordOf).filter(word => word === 'completed')).toHaveLength(most);
    expect(house.sandbox.deletions()).toHaveLength(most);
    expect(house.alarms()).toEqual([paused]);
    expect(await statesIn(house)).toHaveLength(30);
  });

  it('are counted by the hour of the clock', async () => {
    const house = await ketchHouse({ limits });
    await askFor(house, most);
    house.clock.at += hour - 1;
    expect(await askFor(house, 1, 10)).toEqual(held(1));
    const other = await ketchHouse({ limits });
    await askFor(other, most);
    other.clock.at += hour;
    expect(await askFor(other, most, 10)).toEqual(completed(most));
    expect(other.alarms()).toEqual([]);
  });
});

describe('not counted', () => {
  it('are requests that came before, whatever became of them', async () => {
    const house = await ketchHouse({ limits });
    registered(house, 'crm-1');
    const uid = '22880925-aac5-42f9-a653-cb6921d361ff';
    for (let again = 0; again < 5 * most; again += 1) await ask(house, 'crm-1', { uid });
    expect(await askFor(house, most - 1, 10)).toEqual(completed(most - 1));
    expect(await askFor(house, 1, 20)).toEqual(held(1));
  });

  it('are requests that are refused', async () => {
    const house = await ketchHouse({ limits });
    for (let one = 0; one < 2 * most; one += 1) {
      expect((await house.send({ ...ketchWire(), headers: {} })).status).toBe(403);
      expect((await house.send(ketchWire('{}'))).status).toBe(400);
    }
    expect(await askFor(house, most)).toEqual(completed(most));
  });

  it('are trials', async () => {
    const house = await genericHouse({ limits });
    const wire = (body: object) => genericWire({ ...order, ...body });
    for (let one = 0; one < 2 * most; one += 1) await house.send(wire({ request_id: `t-${one}`, test: true }));
    for (let one = 0; one < most; one += 1) {
      expect(await house.send(wire({ request_id: `r-${one}` }))).toMatchObject({ status: 200 });
    }
    expect(await house.send(wire({ request_id: 'r-more' }))).toMatchObject({ status: 202 });
    expect(house.alarms()).toEqual([paused]);
  });

  it('are those of another platform', async () => {
    const house = await houseFor({
      limits,
      platforms: { ketch: ketchSection, segment: {} },
      secrets: {
        'erasure/platform/ketch': ketchSecretText(),
        'erasure/platform/segment': JSON.stringify({ current: 'segment-secret-of-the-tests-1' }),
      },
    });
    const event = (at: number) =>
      segmentWire({ type: 'delete', userId: `u-${at}`, messageId: `m-${at}`, timestamp: '2026-01-15T11:59:58.276Z' });
    for (let at = 0; at < most; at += 1) await house.send(event(at));
    expect(await askFor(house, most)).toEqual(completed(most));
    expect(house.alarms()).toEqual([]);
    await house.send(event(most));
    expect(house.logged().filter(line => line.alarm === paused)).toMatchObject([{ platform: 'segment' }]);
  });
});

describe('a platform that only takes an acknowledgement', () => {
  it('is paused in the same way, and the sweep deletes nobody until it is let go', async () => {
    const house = await segmentHouse({ limits });
    const events = Array.from({ length: 3 * most }, (_, at) => ({
      type: 'delete',
      userId: `crm-${at}`,
      messageId: `m-${at}`,
      timestamp: '2026-01-15T11:59:58.276Z',
    }));
    for (const { userId } of events) registered(house, userId);
    for (const event of events) expect((await house.send(segmentWire(event))).status).toBe(200);
    expect(house.alarms()).toEqual([paused]);
    await house.sweep();
    expect(house.sandbox.deletions()).toEqual([]);
    await resume('platform:segment', why(house), house.parts.control);
    house.clock.at += hour;
    await house.sweep();
    expect(house.sandbox.deletions()).toHaveLength(3 * most);
  });
});

describe('a platform that was let go within the hour', () => {
  it.each([
    ['at once', 0],
    ['after some more requests', 2],
    ['after just as many more', most - 1],
    ['after many more', 3 * most + 1],
  ])('%s proceeds with as many again, and is then paused again with another alarm', async (_, more) => {
    const house = await ketchHouse({ limits });
    await askFor(house, most + 1 + more);
    house.clock.at += minute;
    await resumed(house);
    expect(await askFor(house, most, 100)).toEqual(completed(most));
    expect(house.alarms()).toEqual([paused]);
    expect(await askFor(house, 3, 200)).toEqual(held(3));
    expect(house.alarms()).toEqual([paused, paused]);
  });

  it('may be let go again and again', async () => {
    const house = await ketchHouse({ limits });
    await askFor(house, most + 1);
    for (let round = 1; round <= 3; round += 1) {
      house.clock.at += minute;
      await resumed(house);
      expect(await askFor(house, most + 1, round * 100)).toEqual([...completed(most), ...held(1)]);
    }
  });

  it('is like any other in the next hour', async () => {
    const house = await ketchHouse({ limits });
    await askFor(house, most + 1);
    await resumed(house);
    house.clock.at += hour;
    expect(await askFor(house, most + 1, 100)).toEqual([...completed(most), ...held(1)]);
  });
});

describe('while something is paused already', () => {
  it('no other pause is added, and nobody is told twice', async () => {
    const house = await ketchHouse({ limits });
    await pause('all', why(house), house.parts.control);
    expect(await askFor(house, 3 * most)).toEqual(held(3 * most));
    expect(house.alarms()).toEqual([]);
    await resume('all', why(house), house.parts.control);
    expect(await askFor(house, 1, 100)).toEqual(held(1));
    expect(house.alarms()).toEqual([paused]);
  });
});

describe('when it cannot be told how many there were', () => {
  it('a request is kept for the sweep', async () => {
    const control = { ...controlRows(), count: async () => Promise.reject(new Error('the store is down')) };
    const house = await ketchHouse({ limits, change: () => ({ control }) });
    expect(await askFor(house, 1)).toEqual(held(1));
    expect(callsIn(house)).toEqual([]);
    house.clock.at += hour;
    expect(await house.sweep()).toMatchObject({ closed: 1 });
  });

  it('or the pause cannot be written, none proceeds, and the next one tries to pause again', async () => {
    const rows = controlRows();
    let works = false;
    const write: typeof rows.write = async (key, ...rest) => {
      if (key.startsWith('pause#') && !works) throw new Error('the store is down');
      return rows.write(key, ...rest);
    };
    const house = await ketchHouse({ limits, change: () => ({ control: { ...rows, write } }) });
    expect(await askFor(house, most + 2)).toEqual([...completed(most), ...held(2)]);
    expect(house.alarms()).toEqual([]);
    works = true;
    expect(await askFor(house, 2, 100)).toEqual(held(2));
    expect(house.alarms()).toEqual([paused]);
  });
});
