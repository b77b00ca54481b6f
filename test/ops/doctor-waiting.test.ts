import { describe, expect, test } from 'vitest';
import { pause } from '../../lambda/pause.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { kept, receiptOf } from '../support/receipt-builders.ts';
import { examined, expectFinding, patientWith, stopClock } from './patient.ts';

stopClock();

const minute = 60_000;
const day = 86_400_000;

describe('the doctor on what waits', () => {
  const waiting = async (facts: Partial<Receipt>) => {
    const patient = await patientWith();
    await patient.store.accept(
      receiptOf({ receivedAt: Date.now(), submittedAt: Date.now(), nextAttemptAt: Date.now(), ...facts }),
      kept,
    );
    return patient;
  };
  const open = (usedDays: number) =>
    waiting({ submittedAt: Date.now() - usedDays * day - minute, nextAttemptAt: Date.now() + day });

  test('counts those that wait for a person', async () => {
    const patient = await waiting({ state: 'needs-human', queue: 'needs-human', reason: 'too-many-matches' });
    await expectFinding(
      patient,
      '! waiting',
      '1 receipt waits for a person to decide: npm run ops -- list --state needs-human',
    );
    expect((await examined(patient)).code).toBe(0);
  });

  test('counts no further than a hundred', async () => {
    const patient = await patientWith();
    for (let n = 0; n < 101; n += 1) {
      await patient.store.accept(
        receiptOf({ id: `r-${n}`, state: 'needs-human', queue: 'needs-human', submittedAt: Date.now() }),
        kept,
      );
    }
    await expectFinding(patient, '! waiting', 'at least 100 receipts wait for a person');
  });

  test.each([
    ['✓', 3, 'has used 10 % of its time'],
    ['!', 15, 'has used 50 % of its time: npm run ops -- list --state open (RUNBOOK.md#oldest-open-half)'],
    ['✗', 24, 'has used 80 % of its time: npm run ops -- list --state open (RUNBOOK.md#oldest-open-late)'],
  ])('%s an erasure of %i days', async (mark, days, says) => {
    await expectFinding(await open(days), `${mark} waiting`, says);
  });

  test('leaves out what the index holds and the receipt does not', async () => {
    const patient = await patientWith();
    const store = { ...patient.desk.store, due: async () => ['gone'] };
    const { code, lines } = await examined({ ...patient, desk: { ...patient.desk, store } });
    expect(lines.join('\n')).toContain('no erasure is open');
    expect(code).toBe(0);
  });

  test('sees evidence that is not signed for an hour', async () => {
    const closed = { state: 'erased', queue: 'sign' } as const;
    const old = await waiting({ ...closed, closedAt: Date.now() - 61 * minute });
    await expectFinding(
      old,
      '✗ waiting',
      '1 receipt waits for more than an hour to be signed (RUNBOOK.md#evidence-unsigned)',
    );
    const told = { tries: 1, delivered: [0], refused: [], endedAt: Date.now() };
    const justTold = await waiting({ ...closed, closedAt: Date.now() - 61 * minute, callBack: told });
    await expectFinding(justTold, '✓ waiting', 'no evidence waits for its signature');
  });

  test('names what is paused', async () => {
    const patient = await patientWith();
    await pause('platform:ketch', { actor: 'me', reason: 'a drill', at: Date.now() }, patient.desk.control);
    await expectFinding(patient, '! waiting', 'paused: platform:ketch: npm run ops -- resume');
    expect((await examined(patient)).code).toBe(0);
  });
});

describe('the doctor on the pace', () => {
  const paced = async (value: unknown) => {
    const patient = await patientWith();
    await patient.desk.control.write('pace#main', 0, value);
    return patient;
  };
  const closed = (code: string, until = Date.now() + minute) =>
    paced({ notBefore: 0, closed: { until, code, times: 0 } });

  test.each([
    ['key-refused', 'a new key in its secret opens it at once'],
    ['quota-exhausted', 'one call an hour tries'],
    ['failures', 'it opens by itself'],
  ])('says that it is closed by %s', async (code, todo) => {
    await expectFinding(await closed(code), '! pace', `(${code}): ${todo}`);
  });

  test('says when it rests, when it cannot be read, and when it is open again', async () => {
    await expectFinding(
      await paced({ notBefore: 0, restUntil: Date.now() + minute }),
      '! pace',
      'main: rests until 20',
    );
    await expectFinding(await paced({ notBefore: 'soon' }), '✗ pace', 'main: its row cannot be read, so nobody calls');
    await expectFinding(await closed('failures', Date.now() - 1), '✓ pace', 'main: open');
  });
});
