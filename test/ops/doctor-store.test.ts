import { describe, expect, test } from 'vitest';
import { beat } from '../../lambda/heartbeat.ts';
import { examined, expectFinding, patientWith, stopClock } from './patient.ts';

stopClock();

const minute = 60_000;
const day = 86_400_000;
const healthy = { active: true, backedUp: true, protectedFromDeletion: true, expires: true, mustExpire: true };

describe('the doctor on the tables', () => {
  test.each(['read', 'due'])('says when %s fails', async verb => {
    const patient = await patientWith();
    const store = { ...patient.desk.store, [verb]: () => Promise.reject(new Error('lost')) };
    const what = verb === 'read' ? 'receipts' : 'the queue';
    await expectFinding(
      { ...patient, desk: { ...patient.desk, store } },
      '✗ tables',
      `erasure-shop-receipts: ${what} cannot be read`,
    );
  });

  test('says when control rows cannot be read', async () => {
    const patient = await patientWith();
    const control = { ...patient.desk.control, read: () => Promise.reject(new Error('lost')) };
    await expectFinding(
      { ...patient, desk: { ...patient.desk, control } },
      '✗ tables',
      'erasure-shop-receipts: control rows cannot be read',
    );
  });

  test.each([
    ['✓', {}, 'a-table: active, backed up and protected from deletion'],
    ['✓', { expires: false, mustExpire: false }, 'a-table: active'],
    ['!', { active: false }, 'a-table: it is not active: deploy again'],
    [
      '!',
      { backedUp: false, protectedFromDeletion: false },
      'a-table: point-in-time recovery is off, deletion protection is off',
    ],
    ['!', { expires: false }, 'a-table: closed receipts never expire'],
  ])('%s %j', async (mark, more, says) => {
    const tables = async () => [{ name: 'a-table', ...healthy, ...more }];
    const patient = await patientWith({ change: { tables } });
    await expectFinding(patient, `${mark} tables`, says);
    expect((await examined(patient)).code).toBe(0);
  });

  test('says when nobody tells how they are kept', async () => {
    const tables = () => Promise.reject(new Error('AccessDenied'));
    await expectFinding(
      await patientWith({ change: { tables } }),
      '! tables',
      'cannot be seen: may you do dynamodb:Describe*?',
    );
  });
});

describe('the doctor on the schedule', () => {
  const sweptAt = async (at: number, change = {}) => {
    const patient = await patientWith({ change });
    await beat(patient.desk.control, { at, worst: undefined });
    return patient;
  };
  const since = (ms: number) => ({
    url: 'http://127.0.0.1:1',
    pid: 1,
    startedAt: new Date(Date.now() - ms).toISOString(),
  });

  test('is content with a sweep that ended lately', async () => {
    await expectFinding(await sweptAt(Date.now() - 2 * minute), '✓ schedule', 'a sweep ended 120 s ago');
  });

  test('says when none ended for three minutes', async () => {
    const patient = await sweptAt(Date.now() - 4 * minute);
    await expectFinding(patient, '✗ schedule', 'no sweep has ended since 20');
    await expectFinding(patient, '✗ schedule', 'RUNBOOK.md#sweep-stopped');
  });

  test('says when none ever did', async () => {
    const patient = await patientWith();
    const control = { ...patient.desk.control, read: async () => new Map() };
    await expectFinding({ ...patient, desk: { ...patient.desk, control } }, '✗ schedule', 'no sweep has ever ended');
  });

  test('waits for the first one of npm start', async () => {
    const long = Date.now() - day;
    await expectFinding(await sweptAt(long, { local: { run: since(5000) } }), '! schedule', 'npm start began 5 s ago');
    await expectFinding(await sweptAt(long, { local: { run: since(day) } }), '✗ schedule', 'SWEEP_SECONDS');
    await expectFinding(await sweptAt(long, { local: { run: undefined } }), '✗ schedule', 'is npm start running');
  });
});

describe('the doctor on the key for evidence', () => {
  test('says when it cannot be had', async () => {
    const signer = { publicKey: () => Promise.reject(new Error('NotFound')) };
    await expectFinding(
      await patientWith({ change: { signer } }),
      '✗ evidence key',
      'alias/erasure-shop-evidence: cannot be had',
    );
  });
});

describe('the doctor on npm start', () => {
  test('asks nothing of Voucherify while it is not running', async () => {
    const patient = await patientWith({ change: { local: { run: undefined } } });
    await expectFinding(
      patient,
      '✗ npm start',
      'is not running in the folder that DATA_DIR names: start it with npm start',
    );
    await expectFinding(patient, '! clock', 'no answer of Voucherify');
    expect(patient.sandbox.calls()).toEqual([]);
  });
});
