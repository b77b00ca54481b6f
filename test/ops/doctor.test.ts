import { describe, expect, test } from 'vitest';
import type { OpsContext } from '../../infra/ops/context.ts';
import type { Deployment } from '../../infra/ops/deployment.ts';
import { doctor } from '../../infra/ops/doctor/doctor.ts';
import { namesOf } from '../../infra/stack/names.ts';
import { pause } from '../../lambda/control/pauses.ts';
import { type PullState, recordPull, writeHeartbeat } from '../../lambda/control/sweep-state.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { type ServedReply, serveListing } from '../support/listing-platform.ts';
import { kept, receiptOf } from '../support/receipt-builders.ts';
import {
  type CheckHarness,
  type CheckSetup,
  changed,
  checkHarness,
  expectFinding,
  ketch,
  runDoctor,
  stopClock,
} from './check-harness.ts';
import { recordingOutput } from './ops-harness.ts';

stopClock();

const minute = 60_000;
const day = 86_400_000;
const lost = () => Promise.reject(new Error('lost'));

describe('doctor', () => {
  test('healthy deployment: every check is fine and the exit code is 0', async () => {
    const { status, lines } = await runDoctor(await checkHarness());
    expect(lines.filter(line => !line.startsWith('✓'))).toEqual([`${lines.length - 1} ok, 0 warnings, 0 wrong`]);
    const checks = ['settings', 'secrets', 'voucherify', 'rate limit', 'clock', 'tables', 'schedule', 'backlog'];
    for (const check of [...checks, 'evidence key']) {
      expect(lines, check).toContainEqual(expect.stringMatching(`^✓ ${check}`));
    }
    expect(status).toBe(0);
  });

  test('--json: prints a list of findings, with the same exit code', async () => {
    const harness = await checkHarness();
    harness.secrets['erasure/platform/ketch'] = 'REPLACE_ME';
    const { status, json, lines } = await runDoctor(harness, '--json');
    expect({ status, lines }).toEqual({ status: 1, lines: [] });
    expect(json).toContainEqual({ check: 'secrets', grade: 'bad', message: expect.stringContaining('REPLACE_ME') });
    expect(json).toContainEqual({ check: 'backlog', grade: 'ok', message: 'nothing is paused' });
  });

  test('failing check: is reported without its text, and the others run', async () => {
    const harness = await checkHarness();
    const read = (error: Error) =>
      changed(harness, ({ control }) => ({ control: { ...control, read: () => Promise.reject(error) } }));
    const unexpected = new TypeError(harness.planted.token('text of an error'));
    await expectFinding(read(unexpected), '✗ rate limit', 'unavailable (TypeError)');
    const failure = new Failure('unavailable', 'the receipt store cannot be reached');
    await expectFinding(read(failure), '✗ schedule', 'unavailable: the receipt store cannot be reached');
  });

  test('slow check: is given up after the time limit', async () => {
    const { context } = await checkHarness({ change: { signer: { publicKey: () => new Promise(() => undefined) } } });
    const { output, lines } = recordingOutput();
    expect(await doctor(context, output, 300)).toBe(1);
    expect(lines).toContain('✗ evidence key took longer than 0.3 s: check the network');
  });
});

const phones = { ...ketch, identities: { mobile: 'phone' } };
const mapped = { type: 'generic', authentication: { kind: 'header' }, identifiers: { '/phone': 'phone' } };
const unrouted = { projects: { main: {}, us: {} }, platforms: { ketch: { ...ketch, projects: ['main'] } } };
const typedLists = [
  { list: '/ids', type: '/t', value: '/v', kinds: { mail: 'phone' } },
  { list: '/numbers', value: '', kind: 'phone' },
];
const routed = { ketch, form: { type: 'generic', authentication: { kind: 'standard-webhooks' }, projects: ['us'] } };

describe('doctor: settings', () => {
  const dedicated = 'https://eu9.api.voucherify.io';

  test.each<[begins: string, message: string, CheckSetup]>([
    ['✗', 'platform ketch: Voucherify can look up none of its identities', { platforms: { ketch: phones } }],
    ['✗', 'platform form: Voucherify can look up none of its identities', { platforms: { form: mapped } }],
    ['✗', 'form: Voucherify can look up none of', { platforms: { form: { ...mapped, identifiers: typedLists } } }],
    ['!', 'platform ketch: callbackOrigins is empty', { platforms: { ketch: { ...ketch, callbackOrigins: [] } } }],
    ['!', 'project main: quotaShare 1 leaves', { projects: { main: { quotaShare: 1 } } }],
    ['!', 'project us: no platform uses it', unrouted],
    ['✗', 'no platform is configured, so every request is refused', { platforms: {} }],
    ['!', 'project eu: its baseUrl is of no shared cluster', { projects: { main: {}, eu: { baseUrl: dedicated } } }],
    ['✓', 'delayed by 900 s', { limits: { delaySeconds: 900 } }],
    ['✓', 'limits: at most 5 customers per request', {}],
    ['✓', 'identities account_id → source_id, email → email; projects main; callbacks to', {}],
    ['✓', 'platform form: authentication standard-webhooks; projects us', { ...unrouted, platforms: routed }],
    ['✓', 'api-key; erasures use at most 20 % of its quota', { projects: { main: { quotaShare: 0.2 } } }],
  ])('%s %s', async (mark, says, setup) => {
    await expectFinding(await checkHarness(setup), `${mark} settings`, says);
  });
});

const identities = { coreIdentifier: 'source_id' };
const transcend = { audience: 'acme', sombraUrl: 'https://sombra.example.com', identities };
const long = 'user:a-secret-that-is-long-enough';

describe('doctor: identity and deployed settings', () => {
  const identity = { account: '123456789012', region: 'eu-west-1', operator: 'arn:aws:iam::123456789012:user/zoe' };
  const deployment = (settings: OpsContext['settings'], confirmed = 1, pending = 0): Deployment => ({
    identity: async () => identity,
    settings: async () => settings,
    alarmSubscribers: async () => ({ confirmed, pending }),
  });

  test('✓ identity: is the first line, with account, region, deployment and operator', async () => {
    const harness = await checkHarness();
    const deployed = changed(harness, ({ settings }) => ({ deployment: deployment(settings) }));
    const { lines } = await runDoctor(deployed);
    const named =
      'account 123456789012, region eu-west-1, stage shop (erasure-shop), as arn:aws:iam::123456789012:user/zoe';
    expect(lines[0]).toBe(`✓ identity     ${named}`);
    await expectFinding(deployed, '✓ deployed', 'the function has the same settings as the file');
  });

  test('! other deployed settings: are named by pointer, without a value', async () => {
    const harness = await checkHarness({ platforms: { ketch, segment: {} } });
    const other = changed(harness, ({ settings }) => {
      const { segment: _, ...platforms } = settings.platforms;
      const change = { identities: { ...ketch.identities, 'a/b~c': 'phone' }, tenants: ['another'] };
      const ketchThere = { ...Object(settings.platforms['ketch']), ...change };
      const limits = { ...settings.limits, delaySeconds: 987 };
      return { deployment: deployment({ ...settings, platforms: { ...platforms, ketch: ketchThere }, limits }) };
    });
    const at =
      '/platforms/ketch/tenants, /platforms/ketch/identities/a~1b~0c, /platforms/segment, /limits/delaySeconds';
    await expectFinding(other, '! deployed', `the function has other settings than the file at ${at}: deploy the file`);
    expect((await runDoctor(other)).lines.join()).not.toMatch(/987|another/);
  });

  test('operations: are not compared, because the function does not receive them', async () => {
    const harness = changed(await checkHarness(), ({ settings }) => ({
      settings: { ...settings, operations: { ...settings.operations, waf: true } },
      deployment: deployment(settings),
    }));
    await expectFinding(harness, '✓ deployed', 'the same settings');
  });

  test('✗ unknown identity, ! unreadable deployed settings: say what is missing', async () => {
    const unknown = { identity: lost, settings: lost, alarmSubscribers: lost };
    const harness = await checkHarness({ change: { deployment: unknown } });
    await expectFinding(harness, '✗ identity', 'unknown: check that credentials are set');
    await expectFinding(harness, '! deployed', 'lambda:GetFunctionConfiguration');
    await expectFinding(harness, '! alarms', 'unknown who gets the alarms', 'sns:ListSubscriptionsByTopic');
  });

  test.each([
    [1, 0, '✓ alarms', 'the topic erasure-shop-alarms has one subscription'],
    [3, 1, '✓ alarms', 'has 3 subscriptions'],
    [0, 1, '✗ alarms', 'NO ONE RECEIVES THE ALARMS: one subscription, unconfirmed'],
    [0, 0, '✗ alarms', 'NO ONE RECEIVES THE ALARMS: set operations.alarmEmail and deploy'],
  ])('%i confirmed and %i pending subscriptions of the alarms: %s', async (confirmed, pending, begins, says) => {
    const harness = changed(await checkHarness(), ({ settings }) => ({
      deployment: deployment(settings, confirmed, pending),
    }));
    await expectFinding(harness, begins, says);
  });

  test('! alarms without an address: are said where subscriptions cannot be read', async () => {
    const says = 'operations.alarmEmail is not set';
    await expectFinding(await checkHarness({ operations: {} }), '! alarms', says);
    const change = { deployment: { identity: async () => identity, settings: lost, alarmSubscribers: lost } };
    await expectFinding(await checkHarness({ operations: {}, change }), '! alarms', says, 'unknown who');
  });
});

describe('doctor: secrets', () => {
  const platforms = { ketch, transcend, form: { type: 'generic', authentication: { kind: 'basic' } } };
  const inSecret = (secret: object) => JSON.stringify(secret);
  const filled = inSecret({ current: long, apiKey: 'key' });

  test.each<[mark: string, message: string, name: string, text: string | undefined]>([
    ['✗', 'erasure-shop/pepper: is shorter than 43 characters', 'pepper', 'too-short'],
    [
      '✗',
      'platform/ketch: set it to {"current": "…"} with at least 24 characters, as in docs/platforms/ketch.md',
      'platform/ketch',
      '',
    ],
    ['✗', 'at least 24 characters', 'platform/ketch', '{"current":"short"}'],
    ['✗', 'platform/ketch: still contains REPLACE_ME; set it to', 'platform/ketch', '{"current":"REPLACE_ME"}'],
    ['✗', 'erasure-shop/platform/ketch: cannot be read: check that it exists', 'platform/ketch', undefined],
    [
      '!',
      'platform/ketch: the previous secret is still accepted: remove previous once new receipts show',
      'platform/ketch',
      inSecret({ current: long, previous: long }),
    ],
    ['✗', 'voucherify/main: set it to {"appId": "…", "appToken": "…"}', 'voucherify/main', '{"appId":"a"}'],
    ['✗', 'still contains REPLACE_ME', 'voucherify/main', '{"appId":"REPLACE_ME","appToken":"REPLACE_ME"}'],
    ['✗', 'as in docs/platforms/transcend.md', 'platform/transcend', inSecret({ current: long })],
    ['✗', 'as in docs/platforms/generic.md', 'platform/form', inSecret({ current: long.replace(':', '-') })],
    ['✓', 'erasure-shop/platform/form: filled in and valid', 'platform/form', inSecret({ current: long })],
  ])('%s %s', async (mark, says, name, text) => {
    const harness = await checkHarness({ platforms });
    harness.secrets['erasure/platform/transcend'] = filled;
    if (text === undefined) delete harness.secrets[`erasure/${name}`];
    else harness.secrets[`erasure/${name}`] = text;
    await expectFinding(harness, `${mark} secrets`, says);
  });

  test('local run: names a secret as npm start does', async () => {
    const harness = await checkHarness({ change: { local: stopped, names: namesOf() } });
    await expectFinding(harness, '✓ secrets', 'erasure/platform/ketch: filled in and valid');
  });
});

describe('doctor: tables', () => {
  const receipts = 'erasure-shop-receipts:';

  test.each<[message: string, change: (harness: CheckHarness) => CheckHarness]>([
    [`${receipts} receipts cannot be read`, it => changed(it, ({ store }) => ({ store: { ...store, read: lost } }))],
    [`${receipts} the queue cannot be read`, it => changed(it, ({ store }) => ({ store: { ...store, due: lost } }))],
    [
      `${receipts} control rows cannot be read`,
      it => changed(it, ({ control }) => ({ control: { ...control, read: lost } })),
    ],
  ])('✗ %s', async (says, change) => {
    await expectFinding(change(await checkHarness()), '✗ tables', says);
  });

  const healthy = { active: true, backedUp: true, protectedFromDeletion: true, expires: true, recoveryDays: 35 };
  const unguarded = { backedUp: false, protectedFromDeletion: false };
  test.each([
    ['✓', 'a-table: active, backed up and protected from deletion', {}],
    ['!', 'a-table: it is not active: deploy again', { active: false }],
    ['!', 'a-table: point-in-time recovery is off, deletion protection is off', unguarded],
    ['!', 'a-table: expired rows are never deleted', { expires: false }],
  ])('%s %s', async (mark, says, more) => {
    const tables = async () => [{ name: 'a-table', ...healthy, ...more }];
    await expectFinding(await checkHarness({ change: { tables } }), `${mark} tables`, says);
  });

  test('! table status that cannot be read', async () => {
    const harness = await checkHarness({ change: { tables: lost } });
    await expectFinding(harness, '! tables', 'cannot be read: check that you may do dynamodb:Describe*');
  });
});

/** A local run that is not running. */
const stopped = { folder: '.data', run: undefined };

describe('doctor: schedule', () => {
  const runSince = (ms: number) => ({
    folder: '.data',
    run: { url: 'http://127.0.0.1:1', pid: 1, startedAt: new Date(Date.now() - ms).toISOString() },
  });

  test.each<[mark: string, message: string, agoMs: number, change?: CheckSetup['change']]>([
    ['✓', 'a sweep ended ', 2 * minute],
    ['✗', 'no sweep has ended since 20', 4 * minute],
    ['✗', 'RUNBOOK.md#sweep-stopped', 4 * minute],
    ['!', 'npm start began ', day, { local: runSince(5000) }],
    ['✗', 'SWEEP_SECONDS', day, { local: runSince(day) }],
    ['✗', 'check that npm start is running', day, { local: stopped }],
  ])('%s %s', async (mark, says, agoMs, change = {}) => {
    const harness = await checkHarness({ change });
    await writeHeartbeat(harness.context.control, { at: Date.now() - agoMs, mostUrgent: undefined });
    await expectFinding(harness, `${mark} schedule`, says);
  });

  test('✗ no sweep has ended yet', async () => {
    const never = changed(await checkHarness(), ({ control }) => ({
      control: { ...control, read: async () => new Map() },
    }));
    await expectFinding(never, '✗ schedule', 'no sweep has ended yet');
  });
});

describe('doctor: pulls', () => {
  const asked = {
    type: 'generic',
    callbackOrigins: ['https://api.example.com'],
    pull: { url: 'https://api.example.com/orders', list: '/orders' },
    callback: { url: 'https://api.example.com/orders/{/id}' },
  };

  test.each<[mark: string, message: string, state: PullState | undefined]>([
    ['!', 'asked: has not been asked yet', undefined],
    ['✓', 'asked: the last pull was complete', { nextAt: 0, failure: undefined }],
    ['!', 'asked: pulls have failed for 3600 s (http-503)', { nextAt: 0, failure: failing('http-503', 60, false) }],
    ['✗', 'asked: pulls have failed for 90000 s', { nextAt: 0, failure: failing('timed-out', 1500, false) }],
    ['✗', '(http-401): check the secret and the settings', { nextAt: 0, failure: failing('http-401', 1, true) }],
  ])('%s %s', async (mark, says, state) => {
    const harness = await checkHarness({ platforms: { asked } });
    const now = Date.now();
    if (state !== undefined) {
      const since = now - (state.failure?.since ?? 0);
      const failure = state.failure === undefined ? undefined : { ...state.failure, since };
      await recordPull('asked', harness.context.control, { ...state, failure });
    }
    await expectFinding(harness, `${mark} pulls`, says);
  });

  function failing(code: string, minutes: number, isPermanent: boolean) {
    return { since: minutes * minute, code, isPermanent };
  }
});

describe('doctor: evidence key and npm start', () => {
  test('✗ evidence key that is unavailable', async () => {
    const harness = await checkHarness({ change: { signer: { publicKey: lost } } });
    await expectFinding(harness, '✗ evidence key', 'alias/erasure-shop-evidence: the public key is unavailable');
  });

  test('✗ npm start that is not running: Voucherify is not called', async () => {
    const harness = await checkHarness({ change: { local: stopped } });
    const says = 'not running in the folder .data (DATA_DIR): run npm start';
    await expectFinding(harness, '✗ npm start', says);
    expect(harness.sandbox.calls()).toEqual([]);
  });
});

describe('doctor: backlog', () => {
  const waiting = async (facts: Partial<Receipt>, count = 1) => {
    const harness = await checkHarness();
    const now = Date.now();
    for (let n = 0; n < count; n += 1) {
      const receipt = receiptOf({ id: `r-${n}`, receivedAt: now, submittedAt: now, nextAttemptAt: now, ...facts });
      await harness.store.accept(receipt, kept);
    }
    return harness;
  };
  const review = { state: 'needs-review', queue: 'needs-review', reason: 'too-many-matches' } as const;
  const unsigned = { state: 'erased', queue: 'sign', closedAt: Date.now() - 61 * minute } as const;
  const calledBack = { tries: 1, delivered: [0], refused: [], endedAt: Date.now() };
  const old = (days: number) => ({ submittedAt: Date.now() - days * day - minute, nextAttemptAt: Date.now() + day });
  const late = 'of its time: npm run ops -- list --state open (RUNBOOK.md#deadline';

  test.each<[mark: string, message: string, facts: Partial<Receipt>, count?: number]>([
    ['!', '1 receipt needs a review: npm run ops -- list --state needs-review', review],
    ['!', 'at least 100 receipts need a review', review, 101],
    ['✓', 'has used 10 % of its time', old(3)],
    ['!', `has used 50 % ${late}-half-used)`, old(15)],
    ['✗', `has used 80 % ${late}-nearly-used)`, old(24)],
    ['✗', '1 receipt unsigned for more than an hour (RUNBOOK.md#evidence-unsigned)', unsigned],
    ['✓', 'no evidence is overdue for its signature', { ...unsigned, callbackState: calledBack }],
  ])('%s %s', async (mark, says, facts, count) => {
    await expectFinding(await waiting(facts, count), `${mark} backlog`, says);
  });

  test('✓ an entry of the index without its receipt is not counted', async () => {
    const gone = changed(await checkHarness(), ({ store }) => ({ store: { ...store, due: async () => ['gone'] } }));
    await expectFinding(gone, '✓ backlog', 'no erasure is open');
  });

  test('! a pause is named with the command that ends it', async () => {
    const harness = await checkHarness();
    await pause('platform:ketch', { actor: 'me', reason: 'a drill', at: Date.now() }, harness.context.control);
    await expectFinding(harness, '! backlog', 'paused: platform:ketch: npm run ops -- resume');
  });
});

describe('doctor: rate limit', () => {
  const closedBy = (code: string, until = Date.now() + 10 * minute) => ({
    breaker: { openUntil: until, code, trips: 0 },
  });

  test.each<[mark: string, message: string, row: unknown]>([
    ['!', '(key-refused): a new key in its secret resumes calls at once', closedBy('key-refused')],
    ['!', '(quota-exhausted): one call per hour checks', closedBy('quota-exhausted')],
    ['!', '(failures): calls resume automatically', closedBy('failures')],
    ['✓', 'main: calls are allowed', closedBy('failures', Date.now() - 1)],
    ['!', 'main: calls are reserved for the shop until 20', { reservedForShopUntil: Date.now() + 10 * minute }],
    ['✗', 'main: its row cannot be parsed, so all calls are blocked', { limit: 'many' }],
  ])('%s %s', async (mark, says, row) => {
    const harness = await checkHarness();
    await harness.context.control.write('rate-limit#main', 0, row);
    await expectFinding(harness, `${mark} rate limit`, says);
  });

  test('! local run: calls that are blocked resume when its sandbox works again', async () => {
    const harness = await checkHarness({ change: { local: stopped } });
    await harness.context.control.write('rate-limit#main', 0, closedBy('key-refused'));
    const says = '(key-refused): calls resume automatically then, if Voucherify works again: choose Works';
    await expectFinding(harness, '! rate limit', says);
  });
});

const none = { object: 'list', data_ref: 'customers', customers: [], total: 0 };
const rate = (limit: number, remaining: number, reset = 55) => ({
  'X-Rate-Limit-Limit': String(limit),
  'X-Rate-Limit-Remaining': String(remaining),
  'X-Rate-Limit-Retry': String(Math.floor(Date.now() / 1000) + reset),
});

/** A deployment whose Voucherify answers like this. */
const answering = async (answer: ServedReply, more: object = {}) =>
  checkHarness({ projects: { main: { baseUrl: (await serveListing(() => answer)).origin, ...more } } });

describe('doctor: Voucherify', () => {
  test('OAuth: one token, then one list', async () => {
    const harness = await checkHarness({ projects: { main: { auth: 'oauth' } } });
    expect((await runDoctor(harness)).status).toBe(0);
    expect(harness.sandbox.calls().map(({ kind }) => kind)).toEqual(['token', 'list']);
  });

  const oauth = { auth: 'oauth' };
  const used = 'main: HTTP 402: the API calls of the plan are used up';
  const redirect = { status: 302, headers: { Location: 'https://example.com' } };
  const waitOf = (seconds: string) => ({ status: 429, headers: { 'Retry-After': seconds } });
  test.each<[mark: string, says: string, todo: string, answer: ServedReply, more?: object]>([
    ['✗', 'main: HTTP 401: the key is unknown', 'erasure-shop/voucherify/main', { status: 401 }],
    ['✗', 'main: HTTP 403: the key may not read customers', 'IP list', { status: 403 }],
    ['✗', used, 'RUNBOOK.md#voucherify-unavailable', { status: 402 }],
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

  test('✗ unreachable project: its key and the clock cannot be checked', async () => {
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
    ['!', 'main: residue is set, but the quota has no spare calls', rate(50, 50), { residue: true }],
    ['!', 'main: the remaining calls are reserved for the shop: erasures continue after 20', rate(100, 40)],
    ['!', 'main: the response contains no rate limit, so the settings apply: 100 per minute', {}],
    ['!', 'main: the response contains no rate limit', { ...rate(100, 97), 'X-Rate-Limit-Type': 'api_calls_cycle' }],
  ])('%s %s', async (mark, says, headers, more) => {
    await expectFinding(await answering({ status: 200, body: none, headers }, more), `${mark} voucherify`, says);
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

  test.each([
    ['✓', 0, "the clock of this run is this machine's"],
    ['!', 7 * 60 * minute + 500, "the clock of this run is 7 h 0 min ahead of this machine's (moved on its page, or"],
    ['!', -2 * day, "the clock of this run is 2 d 0 h behind this machine's"],
  ])('%s local run, %i ms ahead: says so', async (mark, ms, says) => {
    const change = { local: stopped, now: () => Date.now() + ms };
    await expectFinding(await checkHarness({ change }), `${mark} clock`, says);
  });

  test('! unreadable Date header', async () => {
    await expectFinding(await dated('noon'), '! clock', 'no response of Voucherify to compare with');
  });
});
