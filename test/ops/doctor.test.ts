import { describe, expect, test } from 'vitest';
import { doctor, doctorCommand } from '../../infra/ops/doctor/doctor.ts';
import { Failure } from '../../lambda/failure.ts';
import { examined, expectFinding, patientWith } from './patient.ts';
import { recorded } from './recorded.ts';

const everything = [
  'settings',
  'secrets',
  'voucherify',
  'pace',
  'clock',
  'tables',
  'schedule',
  'waiting',
  'evidence key',
];

describe('the doctor', () => {
  test('says of a healthy deployment that all is fine, and exits with 0', async () => {
    const patient = await patientWith();
    const { code, lines } = await examined(patient);
    expect(lines.filter(line => !line.startsWith('✓'))).toEqual([`${lines.length - 1} fine, 0 to look at, 0 wrong`]);
    for (const check of everything)
      expect(
        lines.some(line => line.startsWith(`✓ ${check}`)),
        check,
      ).toBe(true);
    expect(code).toBe(0);
  });

  test('makes one call to each project that reads, and changes nothing', async () => {
    const patient = await patientWith({ projects: { main: {}, us: {} } });
    await examined(patient);
    const calls = patient.sandbox.calls().map(({ kind, project }) => `${kind} ${project}`);
    expect(calls.toSorted()).toEqual(['list main', 'list us']);
  });

  test('gives scripts a list, and the same exit code', async () => {
    const patient = await patientWith();
    patient.secrets['erasure/platform/ketch'] = 'REPLACE_ME';
    const { code, json, lines } = await recorded(doctorCommand, patient.desk, { options: { json: true } });
    expect({ code, lines }).toEqual({ code: 1, lines: [] });
    expect(json).toContainEqual({ check: 'secrets', grade: 'bad', says: expect.stringContaining('REPLACE_ME') });
    expect(json).toContainEqual({ check: 'waiting', grade: 'ok', says: 'nothing is paused' });
  });

  test('tells what failed and goes on with the rest', async () => {
    const patient = await patientWith();
    const read = () => Promise.reject(new TypeError(patient.planted.token('text of an error')));
    const control = { ...patient.desk.control, read };
    await expectFinding({ ...patient, desk: { ...patient.desk, control } }, '✗ pace', 'cannot be told (TypeError)');
    const unavailable = () => Promise.reject(new Failure('unavailable', 'the receipt store cannot be reached'));
    const lost = { ...patient.desk, control: { ...control, read: unavailable } };
    await expectFinding(
      { ...patient, desk: lost },
      '✗ schedule',
      'cannot be told: the receipt store cannot be reached',
    );
  });

  test('does not wait for ever', async () => {
    const { desk } = await patientWith({ change: { signer: { publicKey: () => new Promise(() => undefined) } } });
    const lines: string[] = [];
    const output = {
      json: false,
      print: (line: string) => void lines.push(line),
      printJson: () => {},
      progress: () => {},
    };
    expect(await doctor(desk, output, 300)).toBe(1);
    expect(lines).toContain('✗ evidence key took longer than 0.3 s: is the network in order?');
  });
});
