import { describe, expect, test } from 'vitest';
import { namesOf } from '../../infra/names.ts';
import { examined, expectFinding, patientWith } from './patient.ts';

const transcend = {
  audience: 'acme',
  sombraUrl: 'https://sombra.example.com',
  identities: { coreIdentifier: 'source_id' },
};
const platforms = { transcend, form: { type: 'generic', scheme: 'basic' } };
const long = 'user:a-secret-that-is-long-enough';

describe('the doctor on secrets', () => {
  test.each([
    ['erasure/pepper', 'too-short', 'erasure-shop/pepper: is shorter than 43 characters'],
    ['erasure/platform/ketch', '', 'erasure-shop/platform/ketch: put in {"current": "…"} as docs/platforms/ketch.md'],
    ['erasure/platform/ketch', '{"current":"short"}', 'at least 24 characters'],
    [
      'erasure/platform/ketch',
      '{"current":"REPLACE_ME"}',
      'erasure-shop/platform/ketch: still holds REPLACE_ME; put in',
    ],
    [
      'erasure/voucherify/main',
      '{"appId":"a"}',
      'erasure-shop/voucherify/main: put in {"appId": "…", "appToken": "…"}',
    ],
    ['erasure/voucherify/main', '{"appId":"REPLACE_ME","appToken":"REPLACE_ME"}', 'still holds REPLACE_ME'],
  ])('%s with %j', async (name, text, says) => {
    const patient = await patientWith();
    patient.secrets[name] = text;
    await expectFinding(patient, '✗ secrets', says);
  });

  test.each([
    ['transcend', JSON.stringify({ current: long }), 'as docs/platforms/transcend.md has it'],
    ['form', JSON.stringify({ current: long.replace(':', '-') }), 'as docs/platforms/generic.md has it'],
  ])('knows what else the secret of %s must hold', async (name, text, says) => {
    const patient = await patientWith({ platforms });
    patient.secrets['erasure/platform/transcend'] = JSON.stringify({ current: long, apiKey: 'key' });
    expect((await examined(patient)).code).toBe(0);
    patient.secrets[`erasure/platform/${name}`] = text;
    await expectFinding(patient, '✗ secrets', says);
  });

  test('names the secret that cannot be read', async () => {
    const patient = await patientWith();
    delete patient.secrets['erasure/platform/ketch'];
    await expectFinding(patient, '✗ secrets', 'erasure-shop/platform/ketch: cannot be read: is it there');
  });

  test('sees a rotation that nobody finished', async () => {
    const patient = await patientWith();
    const previous = patient.planted.token('the one before').padEnd(24, 'x');
    patient.secrets['erasure/platform/ketch'] = JSON.stringify({ current: long, previous });
    await expectFinding(patient, '! secrets', 'erasure-shop/platform/ketch: the one before is still accepted');
    expect((await examined(patient)).code).toBe(0);
  });

  test('names a local secret as npm start does', async () => {
    const local = { run: undefined };
    const patient = await patientWith({ change: { local, names: namesOf() } });
    await expectFinding(patient, '✓ secrets', 'erasure/platform/ketch: filled');
  });
});
