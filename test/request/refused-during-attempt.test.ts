import { describe, expect, it } from 'vitest';
import { pause, readPausedScopes } from '../../lambda/control/pauses.ts';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../lambda/receipts/store.ts';
import { decideRefusal } from '../../lambda/receipts/transitions.ts';
import { type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const minute = 60_000;

/** Refuses the receipt like the operator's tool, whatever its revision. */
async function refuse(house: ErasingHouse, receipt: Receipt): Promise<void> {
  const decided = { at: house.clock.now, actor: 'on-call', action: 'refuse', reason: 'ordered by a thief' } as const;
  const { done } = await updateReceipt(house.store, receipt, standing => decideRefusal(standing, decided));
  expect(done).toBe(true);
}

async function opened(): Promise<{ house: ErasingHouse; receipt: Receipt }> {
  const house = erasingHouse();
  house.person({ id: ada, source_id: 'crm-1' });
  return { house, receipt: await house.accept(one('source_id', 'crm-1')) };
}

const isDeletion = (path: string) => path.endsWith('/permanent-deletion');

describe('receipt refused by an operator', () => {
  it('before any claim: deletes nobody', async () => {
    const { house, receipt } = await opened();
    await refuse(house, receipt);
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'refused', claims: 0 });
    expect(house.sent).toEqual([]);
  });

  it('during a pause: is closed at once', async () => {
    const { house, receipt } = await opened();
    await pause('all', { actor: 'on-call', reason: 'look', at: start }, house.services.control);
    await refuse(house, receipt);
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'refused' });
    expect((await readPausedScopes(house.services.settings, house.services.control)).size).toBe(1);
  });

  it('during the look-up: no deletion follows', async () => {
    const { house, receipt } = await opened();
    house.meddle = async (_, pass) => {
      await refuse(house, receipt);
      return pass();
    };
    await house.sweep();
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'refused', projects: { main: { pins: 0 } } });
    expect(house.deleted()).toEqual([]);
  });

  it('during the deletion: is closed as erased', async () => {
    const { house, receipt } = await opened();
    house.meddle = async ({ url }, pass) => {
      if (isDeletion(url.pathname)) await refuse(house, receipt);
      return pass();
    };
    await house.sweep();
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'erased', decisions: [{ action: 'refuse' }] });
    expect(house.deleted()).toEqual([ada]);
  });

  it('during a deletion with a lost response: records that it may have been executed', async () => {
    const { house, receipt } = await opened();
    house.meddle = async ({ url }, pass) => {
      if (!isDeletion(url.pathname)) return pass();
      await refuse(house, receipt);
      pass();
      return { kind: 'no-answer', code: 'connection-lost', mayHaveExecuted: true };
    };
    await house.sweep();
    const closed = await house.receipt(receipt.id);
    expect(closed.state).toBe('refused');
    expect(evidenceOf(closed).projects['main']).toMatchObject({ customers: 1, unproven: true, deletions: [] });
    house.clock.now += 60 * minute;
    await house.sweep();
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'refused' });
  });
});
