import { describe, expect, it } from 'vitest';
import { resume } from '../../lambda/control/pauses.ts';
import { segmentHouse, segmentWire } from '../platforms/segment-messages.ts';
import { controlRows } from '../support/control-rows.ts';
import { fixtureTime } from '../support/house.ts';
import { ketchHouse } from '../support/ketch.ts';
import { hour } from '../support/pace-heard.ts';
import { askFor, completed, held, limits, most, paused, resumed, why } from '../support/pace-intake.ts';
import { ask, callsIn, registered, statesIn, wordOf } from '../support/pace-ketch.ts';

describe('requests of one platform in an hour', () => {
  it('proceed up to the limit; one more pauses the platform, and a person is told once', async () => {
    const house = await ketchHouse({ limits });
    expect(await askFor(house, most)).toEqual(completed(most));
    expect(house.alarms()).toEqual([]);
    expect(await askFor(house, 5, most)).toEqual(held(5));
    expect(house.alarms()).toEqual([paused]);
    expect(house.logged().find(line => line.alarm === paused)).toMatchObject({ platform: 'ketch' });
    expect(house.sandbox.deletions()).toHaveLength(most);
    const rows = await house.services.control.read(['pause#platform:ketch']);
    expect(rows.get('pause#platform:ketch')?.value).toMatchObject({
      pause: { actor: 'request-limit', reason: expect.stringContaining('requestsPerHour'), at: fixtureTime },
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
    await resume('platform:segment', why(house), house.services.control);
    house.clock.at += hour;
    await house.sweep();
    expect(house.sandbox.deletions()).toHaveLength(3 * most);
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
