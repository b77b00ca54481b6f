import { describe, expect, test } from 'vitest';
import { type ScriptedAnswer, scripted } from '../support/scripted-voucherify.ts';
import { checkHarness, expectFinding, runDoctor, stopClock } from './check-harness.ts';

stopClock();

const none = { object: 'list', data_ref: 'customers', customers: [], total: 0 };
const rate = (limit: number, remaining: number, reset = 55) => ({
  'X-Rate-Limit-Limit': String(limit),
  'X-Rate-Limit-Remaining': String(remaining),
  'X-Rate-Limit-Retry': String(Math.floor(Date.now() / 1000) + reset),
});

/** A deployment whose Voucherify answers like this. */
const answering = async (answer: ScriptedAnswer, more: object = {}) =>
  checkHarness({ projects: { main: { baseUrl: await scripted(() => answer), ...more } } });

describe('doctor: Voucherify', () => {
  test('✓ main: the key is valid and may read customers', async () => {
    const says = 'main: the key is valid and may read customers; Voucherify does not return the project';
    await expectFinding(await checkHarness(), '✓ voucherify', says);
  });

  test('OAuth: one token, then one list', async () => {
    const harness = await checkHarness({ projects: { main: { auth: 'oauth' } } });
    expect((await runDoctor(harness)).status).toBe(0);
    expect(harness.sandbox.calls().map(({ kind }) => kind)).toEqual(['token', 'list']);
  });

  const oauth = { auth: 'oauth' };
  const used = 'main: HTTP 402: the API calls of the plan are used up';
  const redirect = { status: 302, headers: { Location: 'https://example.com' } };
  const waitOf = (seconds: string) => ({ status: 429, headers: { 'Retry-After': seconds } });
  test.each<[mark: string, says: string, todo: string, answer: ScriptedAnswer, more?: object]>([
    ['✗', 'main: HTTP 401: the key is unknown', 'erasure-shop/voucherify/main', { status: 401 }],
    ['✗', 'main: HTTP 403: the key may not read customers', 'IP list', { status: 403 }],
    ['✗', used, 'RUNBOOK.md#voucherify-access-refused', { status: 402 }],
    ['✗', 'main: HTTP 429: the API calls of the plan', 'upgrade', waitOf('7200')],
    ['!', 'main: the rate limit is used up (429) until 20', 'check what else uses this quota', waitOf('20')],
    ['!', 'main: the rate limit is used up (429): check', 'what else', { status: 429 }],
    ['✗', 'main: HTTP 500: Voucherify has a failure', 'retries', { status: 500, body: '<html>' }],
    ['✗', 'main: HTTP 200: not a list of customers', 'baseUrl', { status: 200, body: '<html>' }],
    ['✗', 'main: HTTP 404: not a list of customers', 'baseUrl', { status: 404, body: {} }],
    ['✗', 'main: no response (redirected)', 'baseUrl', redirect],
    ['✗', 'main: no OAuth token (token-400)', '', { status: 400 }, oauth],
    ['✗', 'main: HTTP 401', '', { status: 401 }, oauth],
  ])('%s %s … %s', async (mark, says, todo, answer, more) => {
    await expectFinding(await answering(answer, more), `${mark} voucherify`, says, todo);
  });

  test('✗ unreachable project: neither its key nor the clock can be checked', async () => {
    const harness = await checkHarness({ projects: { main: { baseUrl: 'http://127.0.0.1:9' } } });
    await expectFinding(harness, '✗ voucherify', 'main: no response (not-connected)');
    await expectFinding(harness, '! clock', 'no response of Voucherify to compare with');
  });

  test('✗ unusable key: is not sent', async () => {
    const harness = await checkHarness();
    harness.secrets['erasure/voucherify/main'] = '{}';
    const says = 'main: not called, because erasure-shop/voucherify/main contains no valid key';
    await expectFinding(harness, '✗ voucherify', says);
    expect(harness.sandbox.calls()).toEqual([]);
  });

  test('✗ two projects with one key', async () => {
    const harness = await checkHarness({ projects: { main: {}, us: {} } });
    harness.secrets['erasure/voucherify/us'] = harness.secrets['erasure/voucherify/main']!;
    await expectFinding(harness, '✗ voucherify', 'main and us have the same app id');
  });
});

describe('doctor: quota', () => {
  const settingsSay = 'main: settings say 100 per minute: set callsPerMinute to';
  test.each<[mark: string, says: string, headers: Record<string, string>, more?: object]>([
    ['✓', 'main: limit 100 per minute, 97 left; erasures use at most 50 of these calls', rate(100, 97)],
    ['✓', 'main: limit 100 per minute; erasures', { 'X-Rate-Limit-Limit': '100' }],
    ['!', `${settingsSay} 2000 and quotaPeriod to minute`, rate(2000, 1900)],
    ['!', `${settingsSay} 100 and quotaPeriod to hour`, rate(100, 90, 1800)],
    ['✓', 'main: limit 100 per hour, 90 left', rate(100, 90, 1800), { quotaPeriod: 'hour' }],
    ['✓', 'erasures use at most 1 of these calls', rate(1, 1)],
    ['!', 'main: the remaining calls are reserved for the shop: erasures continue after 20', rate(100, 40)],
    ['!', 'main: the response contains no rate limit, so the settings apply: 100 per minute', {}],
    ['!', 'main: the response contains no rate limit', { ...rate(100, 97), 'X-Rate-Limit-Type': 'api_calls_cycle' }],
  ])('%s %s', async (mark, says, headers, more) => {
    await expectFinding(await answering({ status: 200, body: none, headers }, more), `${mark} voucherify`, says);
  });

  test('settings that are right: need no correction', async () => {
    const { lines } = await runDoctor(await answering({ status: 200, body: none, headers: rate(100, 97) }));
    expect(lines.filter(line => line.startsWith('!'))).toEqual([]);
  });
});

describe('doctor: clock', () => {
  const dated = (date: string) => answering({ status: 200, body: none, headers: { Date: date } });
  const late = 'its signatures are rejected from 300 s on';

  test.each([
    ['✓', 5000, ''],
    ['!', 60_000, 'synchronize it by NTP'],
    ['!', -60_000, 'synchronize it by NTP'],
    ['✗', 400_000, late],
    ['✗', -400_000, late],
  ])('%s %i ms away from Voucherify: %s', async (mark, ms, todo) => {
    const harness = await dated(new Date(Date.now() + ms).toUTCString());
    await expectFinding(harness, `${mark} clock`, "different from Voucherify's", todo);
  });

  test('! unreadable Date header', async () => {
    await expectFinding(await dated('noon'), '! clock', 'no response of Voucherify to compare with');
  });
});
