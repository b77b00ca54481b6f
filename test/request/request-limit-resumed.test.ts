import { describe, expect, it } from 'vitest';
import { pause, resume } from '../../lambda/control/pauses.ts';
import { ketchHouse } from '../support/ketch.ts';
import { hour, minute } from '../support/pace-heard.ts';
import { askFor, completed, held, limits, most, paused, resumed, why } from '../support/pace-intake.ts';

describe('platform resumed within the hour', () => {
  it.each([
    ['at once', 0],
    ['after some more requests', 2],
    ['after just as many more', most - 1],
    ['after many more', 3 * most + 1],
  ])('%s: accepts the limit again and is then paused with a second alarm', async (_, more) => {
    const house = await ketchHouse({ limits });
    await askFor(house, most + 1 + more);
    house.clock.at += minute;
    await resumed(house);
    expect(await askFor(house, most, 100)).toEqual(completed(most));
    expect(house.alarms()).toEqual([paused]);
    expect(await askFor(house, 3, 200)).toEqual(held(3));
    expect(house.alarms()).toEqual([paused, paused]);
  });

  it('several times: can be resumed each time', async () => {
    const house = await ketchHouse({ limits });
    await askFor(house, most + 1);
    for (let round = 1; round <= 3; round += 1) {
      house.clock.at += minute;
      await resumed(house);
      expect(await askFor(house, most + 1, round * 100)).toEqual([...completed(most), ...held(1)]);
    }
  });

  it('next hour: counts as usual', async () => {
    const house = await ketchHouse({ limits });
    await askFor(house, most + 1);
    await resumed(house);
    house.clock.at += hour;
    expect(await askFor(house, most + 1, 100)).toEqual([...completed(most), ...held(1)]);
  });
});

describe('existing pause', () => {
  it('limit exceeded: adds no pause and no alarm', async () => {
    const house = await ketchHouse({ limits });
    await pause('all', why(house), house.services.control);
    expect(await askFor(house, 3 * most)).toEqual(held(3 * most));
    expect(house.alarms()).toEqual([]);
    await resume('all', why(house), house.services.control);
    expect(await askFor(house, 1, 100)).toEqual(held(1));
    expect(house.alarms()).toEqual([paused]);
  });
});
