import { describe, expect, test } from 'vitest';
import { type ScriptedAnswer, scripted } from '../support/scripted-voucherify.ts';
import { examined, expectFinding, patientWith, stopClock } from './patient.ts';

stopClock();

const nobody = { object: 'list', data_ref: 'customers', customers: [], total: 0 };
const inSeconds = (seconds: number) => String(Math.floor(Date.now() / 1000) + seconds);
const limits = (limit: number, remaining: number, reset = 30) => ({
  'X-Rate-Limit-Limit': String(limit),
  'X-Rate-Limit-Remaining': String(remaining),
  'X-Rate-Limit-Retry': inSeconds(reset),
});
const answering = async (answer: ScriptedAnswer, more: object = {}) =>
  patientWith({ projects: { main: { baseUrl: await scripted(() => answer), ...more } } });

describe('the doctor on a project of Voucherify', () => {
  test('says that its key is live, and what it cannot know', async () => {
    const patient = await patientWith();
    await expectFinding(
      patient,
      '✓ voucherify',
      'main: the key is live and may read customers; which project it is of, no answer tells',
    );
  });

  test('gets a token where settings say so', async () => {
    const patient = await patientWith({ projects: { main: { auth: 'oauth' } } });
    expect((await examined(patient)).code).toBe(0);
    expect(patient.sandbox.calls().map(({ kind }) => kind)).toEqual(['token', 'list']);
  });

  test.each<[string, ScriptedAnswer, string, string]>([
    ['✗', { status: 401 }, 'main: answered 401: the key is unknown', 'erasure-shop/voucherify/main'],
    ['✗', { status: 403 }, 'main: answered 403: the key may not read customers', 'IP list'],
    ['✗', { status: 402 }, 'main: answered 402: the plan or its cycle is used up', 'RUNBOOK.md#voucherify-refuses-us'],
    ['✗', { status: 429, headers: { 'Retry-After': '7200' } }, 'main: answered 429: the plan or its cycle', 'upgrade'],
    [
      '!',
      { status: 429, headers: { 'Retry-After': '20' } },
      'main: the limit is used up (429) until 20',
      'who else calls?',
    ],
    ['!', { status: 429 }, 'main: the limit is used up (429): who', 'else'],
    ['✗', { status: 500, body: '<html>' }, 'main: answered 500: Voucherify has a problem of its own', 'waits'],
    ['✗', { status: 200, body: '<html>' }, 'main: answered 200: this is no list of customers', 'baseUrl'],
    ['✗', { status: 404, body: {} }, 'main: answered 404: this is no list of customers', 'baseUrl'],
    ['✗', { status: 302, headers: { Location: 'https://example.com' } }, 'main: no answer (redirected)', 'baseUrl'],
  ])('%s %j', async (mark, answer, says, todo) => {
    const patient = await answering(answer);
    await expectFinding(patient, `${mark} voucherify`, says);
    await expectFinding(patient, `${mark} voucherify`, todo);
  });

  test('says when nobody is there', async () => {
    const patient = await patientWith({ projects: { main: { baseUrl: 'http://127.0.0.1:9' } } });
    await expectFinding(patient, '✗ voucherify', 'main: no answer (not-connected)');
  });

  test('says when no token can be had', async () => {
    await expectFinding(
      await answering({ status: 400 }, { auth: 'oauth' }),
      '✗ voucherify',
      'main: no OAuth token (token-400)',
    );
    await expectFinding(await answering({ status: 401 }, { auth: 'oauth' }), '✗ voucherify', 'main: answered 401');
  });

  test('is not asked with a key that is none', async () => {
    const patient = await patientWith();
    patient.secrets['erasure/voucherify/main'] = '{}';
    await expectFinding(
      patient,
      '✗ voucherify',
      'main: was not asked, since erasure-shop/voucherify/main holds no usable key',
    );
    expect(patient.sandbox.calls()).toEqual([]);
  });

  test('sees two projects with one key', async () => {
    const patient = await patientWith({ projects: { main: {}, us: {} } });
    patient.secrets['erasure/voucherify/us'] = patient.secrets['erasure/voucherify/main']!;
    await expectFinding(patient, '✗ voucherify', 'main and us have the same app id');
  });
});

describe('the doctor on a quota', () => {
  const told = (headers: Record<string, string>, more = {}) => answering({ status: 200, body: nobody, headers }, more);

  test.each<[string, Record<string, string>, object, string]>([
    ['✓', limits(100, 97), {}, 'main: limit 100 a minute, 97 left now; erasures use at most 50 of them'],
    ['✓', { 'X-Rate-Limit-Limit': '100' }, {}, 'main: limit 100 a minute; erasures'],
    [
      '!',
      limits(2000, 1900),
      {},
      'main: settings say 100 a minute: set callsPerMinute to 2000 and quotaPeriod to minute',
    ],
    [
      '!',
      limits(100, 90, 1800),
      {},
      'main: settings say 100 a minute: set callsPerMinute to 100 and quotaPeriod to hour',
    ],
    ['✓', limits(100, 90, 1800), { quotaPeriod: 'hour' }, 'main: limit 100 an hour, 90 left now'],
    ['✓', limits(1, 1), {}, 'erasures use at most 1 of them'],
    ['!', limits(100, 40), {}, "main: what is left is the shop's: erasures wait until 20"],
    ['!', {}, {}, 'main: Voucherify tells no limit now, so 100 a minute of the settings are believed'],
    ['!', { ...limits(100, 97), 'X-Rate-Limit-Type': 'api_calls_cycle' }, {}, 'main: Voucherify tells no limit now'],
  ])('%s %j with %j', async (mark, headers, more, says) => {
    const patient = await told(headers, more);
    await expectFinding(patient, `${mark} voucherify`, says);
    expect((await examined(patient)).code).toBe(0);
  });

  test('finds nothing to correct where settings are right', async () => {
    const { lines } = await examined(await told(limits(100, 97)));
    expect(lines.filter(line => line.startsWith('!'))).toEqual([]);
  });
});

describe('the doctor on the clock', () => {
  const dated = (ms: number) =>
    answering({ status: 200, body: nobody, headers: { Date: new Date(Date.now() + ms).toUTCString() } });

  test.each([
    ['✓', 5000, ''],
    ['!', 60_000, 'set it by NTP'],
    ['!', -60_000, 'set it by NTP'],
    ['✗', 400_000, 'what it signs is refused from 300 s on'],
    ['✗', -400_000, 'what it signs is refused from 300 s on'],
  ])('%s %i ms away', async (mark, ms, todo) => {
    const patient = await dated(ms);
    await expectFinding(patient, `${mark} clock`, "away from Voucherify's");
    await expectFinding(patient, `${mark} clock`, todo);
  });

  test('says so when there is nothing to compare with', async () => {
    const patient = await patientWith({ projects: { main: { baseUrl: 'http://127.0.0.1:9' } } });
    await expectFinding(patient, '! clock', 'no answer of Voucherify to compare with');
    const undated = await answering({ status: 200, body: nobody, headers: { Date: 'noon' } });
    await expectFinding(undated, '! clock', 'no answer of Voucherify to compare with');
  });
});
