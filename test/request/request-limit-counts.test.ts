import { describe, expect, it } from 'vitest';
import { genericHouse, genericWire, order } from '../platforms/generic-messages.ts';
import { segmentWire } from '../platforms/segment-messages.ts';
import { houseFor } from '../support/house.ts';
import { ketchHouse, ketchSecretText, ketchSection, ketchWire } from '../support/ketch.ts';
import { askFor, completed, held, limits, most, paused } from '../support/pace-intake.ts';
import { ask, registered } from '../support/pace-ketch.ts';

describe('requests that are not counted', () => {
  it('repeated requests: whatever their outcome', async () => {
    const house = await ketchHouse({ limits });
    registered(house, 'crm-1');
    const uid = '22880925-aac5-42f9-a653-cb6921d361ff';
    for (let again = 0; again < 5 * most; again += 1) await ask(house, 'crm-1', { uid });
    expect(await askFor(house, most - 1, 10)).toEqual(completed(most - 1));
    expect(await askFor(house, 1, 20)).toEqual(held(1));
  });

  it('refused requests: are not counted', async () => {
    const house = await ketchHouse({ limits });
    for (let one = 0; one < 2 * most; one += 1) {
      expect((await house.send({ ...ketchWire(), headers: {} })).status).toBe(403);
      expect((await house.send(ketchWire('{}'))).status).toBe(400);
    }
    expect(await askFor(house, most)).toEqual(completed(most));
  });

  it('test requests: are not counted', async () => {
    const house = await genericHouse({ limits });
    const wire = (body: object) => genericWire({ ...order, ...body });
    for (let one = 0; one < 2 * most; one += 1) await house.send(wire({ request_id: `t-${one}`, test: true }));
    for (let one = 0; one < most; one += 1) {
      expect(await house.send(wire({ request_id: `r-${one}` }))).toMatchObject({ status: 200 });
    }
    expect(await house.send(wire({ request_id: 'r-more' }))).toMatchObject({ status: 202 });
    expect(house.alarms()).toEqual([paused]);
  });

  it('requests of another platform: are not counted', async () => {
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
