import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect } from 'vitest';
import { createTables } from '../../infra/local/emulator-services.ts';
import { protectTables, readTableStatus } from '../../infra/ops/deployment.ts';
import { namesOf } from '../../infra/stack/names.ts';
import { account, addPerson } from '../support/ketch.ts';
import { emulated, motoIsHere } from '../support/moto.ts';
import { motoForSuite } from '../support/moto-suite.ts';
import { erased, opsHarness, readReceipt, run, stopped, test } from './ops-harness.ts';

describe('restore-check', () => {
  test('receipt that a restore opened again: is listed after the sweep, and refuse closes it', async ({ at }) => {
    addPerson(at.harness, 'crm-1');
    at.harness.sandbox.outage('error');
    const id = await at.request([account('crm-1')]);
    const open = await readReceipt(at, id);
    at.harness.sandbox.outage(undefined);
    // A review with another reason is not of interest here.
    await stopped(at);
    // The table is restored to a time before the closing, which deleted the identifiers.
    const closing = { ...open, revision: open.revision + 1 };
    await at.context.store.replace(closing, { deletePersonalData: true });
    const before = await at.run('restore-check');
    expect(before).toMatchObject({
      status: 0,
      lines: [
        'no receipt in review lacks its personal data',
        '1 open: the sweep checks each at its next attempt, within an hour; then run this again',
      ],
    });
    at.harness.clock.now += 3_600_000;
    await at.sweep();
    const { status, json } = await at.run('restore-check', '--json');
    expect(status).toBe(1);
    const row = { receipt: id, platform: 'ketch', receivedAt: '2026-01-15T12:00:00Z', reason: 'identifiers-missing' };
    expect(json).toEqual({ tables: [], receipts: [row], open: 0 });
    expect((await at.run('restore-check')).lines[1]).toContain(id);
    await at.run('refuse', id, '--why', 'erased before the restore');
    await at.sweep();
    expect(await readReceipt(at, id)).toMatchObject({ state: 'refused' });
    expect(await at.run('restore-check')).toMatchObject({ status: 0 });
    expect(at.harness.sandbox.deletions()).toEqual([]);
  });

  test('healthy deployment: needs nothing', async ({ at }) => {
    await erased(at);
    expect(await at.run('restore-check')).toMatchObject({
      status: 0,
      lines: ['no receipt in review lacks its personal data'],
    });
    await expect(at.run('restore-check', 'x')).rejects.toThrow('restore-check: takes options only');
  });
});

describe.skipIf(!motoIsHere())('restore-check of tables, on moto', () => {
  const moto = motoForSuite();

  test('restored tables: what they lack is listed, changed only with --set, and then complete', async () => {
    const client = new DynamoDBClient(emulated(moto().endpoint));
    const names = namesOf('restored');
    await createTables(client, names);
    const { context } = await opsHarness();
    const tables = () => readTableStatus(client, names);
    const deployed = {
      ...context,
      close: () => undefined,
      tables,
      protectTables: (found: Awaited<ReturnType<typeof tables>>) => protectTables(client, found),
    };
    const off = 'point-in-time recovery is off, deletion protection is off';
    for (let time = 0; time < 2; time += 1) {
      const { status, lines } = await run(deployed, 'restore-check');
      expect([status, lines.slice(0, 2)]).toEqual([
        1,
        [
          `✗ erasure-restored-receipts: ${off}, expired rows are never deleted: run restore-check --set`,
          `✗ erasure-restored-identifiers: ${off}, expired rows are never deleted: run restore-check --set`,
        ],
      ]);
    }
    expect(await run(deployed, 'restore-check', '--set')).toMatchObject({
      status: 0,
      lines: ['✓ erasure-restored-receipts: protected', '✓ erasure-restored-identifiers: protected', expect.anything()],
    });
    expect(await run(deployed, 'restore-check')).toMatchObject({ status: 0 });
    client.destroy();
  });
});
