import { describe, expect, test } from 'vitest';
import { readHeartbeat, writeHeartbeat } from '../../lambda/control/sweep-state.ts';
import { createHarness, type Harness, one, start } from '../support/harness.ts';
import { memoryRows } from '../support/memory-rows.ts';
import { response } from '../support/voucherify-responses.ts';

const at = (time: number, mostUrgent?: string) => ({ at: time, mostUrgent });
const day = 86_400_000;

describe('heartbeat', () => {
  test('end of a sweep: stores the time and the most urgent receipt', async () => {
    const rows = memoryRows();
    expect(await readHeartbeat(rows)).toBeUndefined();
    await writeHeartbeat(rows, at(1000, 'receipt-1'));
    expect(await readHeartbeat(rows)).toEqual(at(1000, 'receipt-1'));
    await writeHeartbeat(rows, at(2000));
    expect(await readHeartbeat(rows)).toEqual(at(2000));
  });

  test('unknown fields: are kept, and an unreadable row is replaced', async () => {
    const rows = memoryRows();
    rows.rows.set('sweep', { revision: 3, value: { at: 1, newer: true } });
    expect(await readHeartbeat(rows)).toEqual(at(1));
    await writeHeartbeat(rows, at(2));
    expect(rows.rows.get('sweep')).toEqual({ revision: 4, value: { at: 2, mostUrgent: null, newer: true } });
    rows.rows.set('sweep', { revision: 5, value: 'nothing of ours' });
    expect(await readHeartbeat(rows)).toBeUndefined();
    await writeHeartbeat(rows, at(3));
    expect(await readHeartbeat(rows)).toEqual(at(3));
  });

  test('two sweeps at once: one write is enough', async () => {
    const rows = memoryRows();
    await Promise.all([writeHeartbeat(rows, at(1000)), writeHeartbeat(rows, at(1001))]);
    expect([1000, 1001]).toContain((await readHeartbeat(rows))?.at);
  });
});

describe('most urgent receipt', () => {
  const sweptAt = (harness: Harness, time: number) => harness.sweep(time);

  test('many rate-limited receipts before it: is still reported', async () => {
    const harness = createHarness();
    const late = await harness.accept(one('source_id', 'crm-late'), { submittedAt: start - 25 * day });
    harness.intercept = () => response(402, {});
    await sweptAt(harness, start);
    for (let count = 0; count < 300; count += 1) await harness.accept(one('source_id', `crm-${count}`));
    for (let minutes = 1; minutes < 180; minutes += 1) {
      const { deadlineUsedPercent } = await sweptAt(harness, start + minutes * 60_000);
      expect(deadlineUsedPercent, `after ${minutes} minutes`).toBeGreaterThanOrEqual(83);
    }
    harness.intercept = undefined;
    await sweptAt(harness, start + day);
    await harness.sweepWhenDue(late.id);
    expect((await harness.receipt(late.id)).state).toBe('no-match');
    expect((await sweptAt(harness, start + 2 * day)).deadlineUsedPercent).toBeLessThan(10);
  });
});
