import { expect, it } from 'vitest';
import { beat, lastBeat } from '../lambda/heartbeat.ts';
import { memoryRows } from './support/pace-rows.ts';

it('tells when the last sweep ended', async () => {
  const rows = memoryRows();
  expect(await lastBeat(rows)).toBeUndefined();
  await beat(rows, 1000);
  await beat(rows, 2000);
  expect(await lastBeat(rows)).toBe(2000);
});

it('keeps what another version of this code wrote, and writes over what nobody can read', async () => {
  const rows = memoryRows();
  rows.rows.set('sweep', { revision: 3, value: { at: 1, newer: true } });
  await beat(rows, 2);
  expect(rows.rows.get('sweep')).toEqual({ revision: 4, value: { at: 2, newer: true } });
  rows.rows.set('sweep', { revision: 5, value: 'nothing of ours' });
  expect(await lastBeat(rows)).toBeUndefined();
  await beat(rows, 3);
  expect(await lastBeat(rows)).toBe(3);
});

it('of two sweeps that end at once one is enough', async () => {
  const rows = memoryRows();
  await Promise.all([beat(rows, 1000), beat(rows, 1001)]);
  expect([1000, 1001]).toContain(await lastBeat(rows));
});
