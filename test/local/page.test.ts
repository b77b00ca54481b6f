import { createServer } from 'node:http';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type LocalOptions, readLocalOptions } from '../../infra/local/options.ts';
import { createJournal, stepsOf } from '../../infra/local/page/journal.ts';
import { messageSourceOf } from '../../infra/local/page/platform-messages.ts';
import { type LocalRun, startLocalRun } from '../../infra/local/run.ts';
import { openSqliteServices } from '../../infra/local/sqlite-services.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { listenOnLoopback } from '../e2e/support/listen.ts';
import { chromiumForSuite, findChromium, poorContrast } from '../support/chromium.ts';
import { jsonOrUndefined, sendOver } from '../support/event.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { kept, now, receiptOf } from '../support/receipt-builders.ts';

/** A local run that sweeps only when the page says so; closed when the test is over. */
async function startRun(options: Partial<LocalOptions> = {}): Promise<LocalRun> {
  const given = readLocalOptions({ PORT: '0', DATA_DIR: ':memory:', SWEEP_SECONDS: '86400' });
  const settings = { ...given.settings, limits: { ...given.settings.limits, answerBudgetMs: 14_000 } };
  const run = await startLocalRun({ ...given, settings, log: () => undefined, ...options });
  // Backoff is random: here it always is the same, and never nothing.
  Object.assign(run.services, { random: () => 0.5 });
  onTestFinished(() => run.close());
  return run;
}

/** Sends an action as the page does. */
const act = (run: LocalRun, action: string, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  sendOver(run.url, {
    path: `/local/${action}`,
    headers: { 'Content-Type': 'application/json', Origin: run.url, Host: new URL(run.url).host, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

interface ShownState {
  readonly outage: string;
  readonly alarms: readonly { readonly code: string; readonly count: number }[];
  readonly customers: readonly { readonly id: string; readonly name?: string; readonly erased: boolean }[];
  readonly platforms: readonly { readonly name: string; readonly canSend: boolean }[];
  readonly receipts: readonly {
    readonly id: string;
    readonly state: string;
    readonly nextAttemptAt?: number;
    readonly steps: readonly { readonly name: string; readonly state: string }[];
  }[];
  readonly exchanges: readonly { readonly receipt?: string; readonly reply?: { readonly status: number } }[];
}

/** The state that a page gets when it opens. */
async function stateOf(run: LocalRun): Promise<ShownState> {
  const aborted = new AbortController();
  const response = await fetch(`${run.url}/local/events`, { signal: aborted.signal });
  let text = '';
  for await (const chunk of response.body!) {
    text += new TextDecoder().decode(chunk);
    if (text.endsWith('\n\n')) break;
  }
  aborted.abort();
  return jsonOrUndefined(text.replace('data: ', '')) as ShownState;
}

const ada = 'cust_AdaExample00000000000001';
const order = (platform: string, customer = ada, wrongSecret = false) => ({ platform, customer, wrongSecret });

const deletion = { project: 'main', pin: 0, proof: 'deleted', at: now + 3 } as const;
const main = { state: 'open', pins: 0, mayHaveExecuted: false, deletions: [] } as const;
const projects = (change: Partial<Receipt['projects'][string]>) => ({ main: { ...main, ...change } });
const closed = { queue: 'sign', closedAt: now + 4 } as const;

describe('steps of a receipt', () => {
  const textsOf = (facts: Partial<Receipt>, acknowledges = false) =>
    stepsOf({ receipt: receiptOf(facts) }, acknowledges).map(({ name, state, text }) => `${name} ${state}: ${text}`);

  const failed = (code: string) => `The last attempt failed: ${code}. The sweep attempts it again.`;
  const pinned = projects({ pins: 2, deletions: [deletion] });
  const abandoned = { tries: 9, delivered: [], refused: [0], endedAt: now };
  test.each<[Partial<Receipt>, string]>([
    [{}, 'pinned waiting: Is attempted now or by the next sweep.'],
    [{}, `answered waiting: The reply follows as soon as the result is known, at the latest after the time limit.`],
    [{ lastResult: 'voucherify-500' }, `pinned waiting: ${failed('voucherify-500')}`],
    [{ state: 'needs-review', reason: 'a-reason' }, 'pinned waiting: An operator must decide: a-reason.'],
    [{ ...closed, state: 'no-match' }, 'pinned skipped: No customer matches the identifiers exactly.'],
    [
      { ...closed, state: 'created-later' },
      'pinned skipped: A customer was found, but was created after the request, and is spared.',
    ],
    [{ ...closed, state: 'refused' }, 'deleted skipped: There was no customer to delete.'],
    [{ ...closed, state: 'refused' }, 'pinned skipped: An operator refused the erasure.'],
    [{ projects: pinned, lastResult: 'voucherify-429' }, `deleted waiting: ${failed('voucherify-429')}`],
    [{ projects: pinned }, 'pinned done: 2 customers found. The id is stored before a deletion is sent.'],
    [
      { ...closed, state: 'erased', projects: pinned },
      'deleted done: 1 customer permanently deleted, with the proof of Voucherify.',
    ],
    [{ ...closed, state: 'erased' }, 'signed waiting: The next sweep signs the evidence.'],
    [
      { state: 'erased', queue: 'callback', hasCallbacks: true },
      'called back waiting: The next sweep sends the result to the platform.',
    ],
    [{ hasCallbacks: true }, 'called back waiting: Follows if the reply had no result.'],
    [
      { ...closed, hasCallbacks: true, callbackState: abandoned },
      'called back done: The platform did not take the callback.',
    ],
  ])('%j: %s', (facts, expected) => {
    expect(textsOf(facts)).toContain(expected);
  });

  test('order: a reply that does not contain the result comes before the deletion', () => {
    const namesOf = (facts: Partial<Receipt>, acknowledges = false) =>
      stepsOf({ receipt: receiptOf(facts) }, acknowledges).map(({ name }) => name);
    expect(namesOf({ firstReply: { at: now, as: 'in-progress' } })[1]).toBe('answered');
    expect(namesOf({}, true)[1]).toBe('answered');
    expect(namesOf({ firstReply: { at: now, as: 'outcome' } })[3]).toBe('answered');
  });
});

test('journal of a local run, receipts: the latest are kept, and each time is the first one', async () => {
  let at = now;
  const { adapters, close } = await openSqliteServices({
    ...readLocalOptions({ PORT: '0', DATA_DIR: ':memory:' }),
    now: () => at,
  });
  onTestFinished(close);
  const journal = createJournal();
  const { store } = journal.observe(adapters);
  for (let number = 0; number <= 100; number += 1) await store.accept(receiptOf({ id: `receipt-${number}` }), kept);
  await store.accept(receiptOf({ id: 'receipt-5' }), kept);
  expect(journal.receipts()).toHaveLength(100);
  const next = receiptOf({ id: 'receipt-7', revision: 2, projects: projects({ pins: 1 }) });
  await store.replace(next);
  at += 1000;
  await store.replace({ ...next, revision: 3 });
  expect(await store.replace({ ...next, revision: 9 })).toBe(false);
  expect(journal.receipts().find(({ receipt }) => receipt.id === 'receipt-7')).toMatchObject({
    receipt: { revision: 3 },
    pinnedAt: now,
  });
});

describe('page of a local run', () => {
  test.each([
    ['ketch', ['accepted', 'pinned', 'deleted', 'answered', 'called back', 'signed']],
    ['standard-webhooks', ['accepted', 'pinned', 'deleted', 'answered', 'called back', 'signed']],
    ['shopify', ['accepted', 'answered', 'pinned', 'deleted', 'called back', 'signed']],
  ])('%s: a genuine request is sent, and its receipt is followed to the signature', async (platform, names) => {
    const run = await startRun();
    expect(await act(run, 'requests', order(platform))).toMatchObject({ status: 200 });
    // One sweep may erase, and the next one, a minute later, verifies and signs.
    for (let sweeps = 0; sweeps < 2; sweeps += 1) await act(run, 'time', { minutes: 1 });
    const { receipts, exchanges, customers } = await stateOf(run);
    expect(receipts).toMatchObject([{ state: 'erased' }]);
    expect(receipts[0]!.steps.map(({ name }) => name)).toEqual(names);
    expect(receipts[0]!.steps.at(-1)).toMatchObject({ state: 'done' });
    expect(exchanges).toMatchObject([{ receipt: receipts[0]!.id, reply: { status: 200 } }]);
    expect(customers.filter(({ erased }) => erased)).toMatchObject([{ name: 'Ada Example' }]);
    await act(run, 'customers', {});
    expect((await stateOf(run)).customers.filter(({ erased }) => erased)).toEqual([]);
  });

  test('platforms: the run has one of each way of signing, and names those that only the platform can sign', async () => {
    const given = readLocalOptions({});
    const mine = {
      ...given.settings.platforms,
      own: { type: 'generic', authentication: { kind: 'basic' } },
      segment: {},
    };
    const run = await startRun({ settings: { ...given.settings, platforms: mine } });
    const { platforms } = await stateOf(run);
    const sent = platforms.filter(({ canSend }) => canSend).map(({ name }) => name);
    expect(sent).toEqual(['ketch', 'shopify', 'standard-webhooks']);
    expect(platforms.map(({ name }) => name)).toEqual([...sent, 'own', 'segment']);
  });

  test('clock: goes to the next attempt of a receipt, and never back', async () => {
    const run = await startRun();
    await act(run, 'outage', { mode: 'down' });
    await act(run, 'requests', order('ketch'));
    await act(run, 'outage', { mode: null });
    await act(run, 'time', { until: 0 });
    const { receipts } = await stateOf(run);
    expect(receipts).toMatchObject([{ state: 'open' }]);
    await act(run, 'time', { until: receipts[0]!.nextAttemptAt });
    expect(await stateOf(run)).toMatchObject({ receipts: [{ state: 'erased' }] });
    expect(run.services.now()).toBeGreaterThanOrEqual(receipts[0]!.nextAttemptAt!);
  });

  test('clock: waits for a sweep that is running, so that no attempt sees it jump', async () => {
    const run = await startRun();
    await act(run, 'outage', { mode: 'down' });
    await act(run, 'requests', order('ketch'));
    await act(run, 'outage', { mode: null });
    const before = run.services.now();
    await Promise.all([1, 2, 3].map(() => act(run, 'time', { minutes: 60 })));
    expect(run.services.now() - before).toBeGreaterThanOrEqual(3 * 3_600_000);
    expect(await stateOf(run)).toMatchObject({ receipts: [{ state: 'erased' }] });
  });

  test('customers: those that are added are listed, and soft-deleted ones are not', async () => {
    const run = await startRun();
    const add = (customer: object) =>
      sendOver(run.sandboxUrl!, { path: '/sandbox/customers', headers: {}, body: JSON.stringify(customer) });
    await add({ id: 'cust_Gil', source_id: 'crm-9', created_at: '2020-01-01T00:00:00Z' });
    await add({ id: 'cust_Hal', email: 'hal@example.com', name: 'Hal Example', created_at: '2020-01-01T00:00:00Z' });
    expect((await stateOf(run)).customers.slice(-2)).toMatchObject([
      { id: 'cust_Gil', source_id: 'crm-9', erased: false },
      { id: 'cust_Hal', name: 'Hal Example', email: 'hal@example.com' },
    ]);
    for (const customer of ['cust_Gil', 'cust_Hal']) await act(run, 'requests', order('ketch', customer));
    expect((await stateOf(run)).receipts).toMatchObject([{ state: 'erased' }, { state: 'erased' }]);
  });

  test('six customers with one address: the request waits for an operator, and no customer is deleted', async () => {
    const run = await startRun();
    await act(run, 'requests', order('ketch', 'cust_GusExample00000000000010'));
    const { receipts, customers } = await stateOf(run);
    expect(receipts).toMatchObject([{ state: 'needs-review', reason: 'too-many-matches' }]);
    expect(customers.some(({ erased }) => erased)).toBe(false);
  });

  test('request from elsewhere: its receipt is shown, too', async () => {
    const run = await startRun();
    const source = messageSourceOf('ketch', run.services.settings.platforms['ketch']);
    const secretText = await run.services.readSecret('erasure/platform/ketch');
    const message = source!.build({ source_id: 'crm-10042' }, { now: Date.now(), secretText })!;
    await sendOver(run.url, { path: '/webhooks/ketch', ...message });
    expect(await stateOf(run)).toMatchObject({ exchanges: [], receipts: [{ state: 'erased' }] });
  });

  test('wrong secret: the request is rejected and opens no receipt', async () => {
    const run = await startRun();
    for (const platform of ['ketch', 'shopify', 'standard-webhooks'])
      await act(run, 'requests', order(platform, ada, true));
    const { receipts, exchanges } = await stateOf(run);
    expect(receipts).toEqual([]);
    expect(exchanges.map(({ reply }) => reply?.status)).toEqual([401, 401, 403]);
  });

  test.each([
    ['key', 'voucherify-key-refused', 1],
    ['quota', 'voucherify-quota-exhausted', 60],
  ])('outage %s: raises its alarm, and after its end the erasure is completed', async (mode, code, minutes) => {
    const run = await startRun();
    await act(run, 'outage', { mode });
    await act(run, 'requests', order('ketch'));
    const during = await stateOf(run);
    expect(during).toMatchObject({ outage: mode, receipts: [{ state: 'open' }], alarms: [{ code, count: 1 }] });
    await act(run, 'alarms', {});
    await act(run, 'outage', { mode: null });
    await act(run, 'time', { minutes });
    await act(run, 'time', { minutes: 60 });
    const { outage, receipts, alarms } = await stateOf(run);
    expect({ outage, alarms }).toEqual({ outage: 'none', alarms: [] });
    expect(receipts[0]!.steps.slice(-2)).toMatchObject([
      { name: 'called back', state: 'done' },
      { name: 'signed', state: 'done' },
    ]);
  });

  test.each<[string, string, unknown, number]>([
    ['unknown customer', 'requests', order('ketch', 'cust_nobody'), 400],
    ['unknown platform', 'requests', order('nobody'), 400],
    ['unknown mode', 'outage', { mode: 'flood' }, 400],
    ['unknown time', 'time', { minutes: 5 }, 400],
    ['time that is no number', 'time', { until: 'soon' }, 400],
    ['body that is not JSON', 'outage', '{', 400],
    ['body that is too long', 'outage', `{"mode":null,"x":"${'x'.repeat(200_000)}"}`, 400],
    ['unknown route', 'nothing', {}, 404],
  ])('%s: is refused', async (_, action, body, status) => {
    const run = await startRun();
    expect(await act(run, action, body)).toMatchObject({ status, json: { message: expect.any(String) } });
    expect((await stateOf(run)).exchanges).toEqual([]);
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ['name that resolves to this machine', { Host: 'rebound.example:3000' }],
    ['another port as Host', { Host: '127.0.0.1:1' }],
    ['another page', { Origin: 'http://evil.example' }],
    ['page of another local server', { Origin: 'http://127.0.0.1:1' }],
    ['page without an origin', { Origin: 'null' }],
    ['form', { 'Content-Type': 'text/plain' }],
    ['page of the same site', { 'Sec-Fetch-Site': 'same-site' }],
  ])('%s: cannot drive the run', async (_, headers) => {
    const run = await startRun();
    expect(await act(run, 'outage', { mode: 'down' }, headers)).toMatchObject({ status: 403 });
    expect((await stateOf(run)).outage).toBe('none');
  });

  test('reads: are refused under another name and from another page', async () => {
    const { url } = await startRun();
    const { host, port } = new URL(url);
    const get = (path: string, headers: Readonly<Record<string, string>>) =>
      sendOver(url, { method: 'GET', path, headers: { Host: host, ...headers }, body: '' });
    expect(await get('/', { Host: 'rebound.example' })).toMatchObject({ status: 403 });
    expect(await get('/local/events', { 'Sec-Fetch-Site': 'cross-site' })).toMatchObject({ status: 403 });
    expect(await get('/', { Host: `localhost:${port}`, 'Sec-Fetch-Site': 'none' })).toMatchObject({ status: 200 });
    const visit = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' };
    expect(await get('/', { ...visit, 'Sec-Fetch-Dest': 'document' })).toMatchObject({ status: 200 });
    expect(await get('/', { ...visit, 'Sec-Fetch-Dest': 'iframe' })).toMatchObject({ status: 403 });
    expect((await get('/', {})).headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'sha256-/);
  });

  test('platform without identifiers of a customer: builds no message', () => {
    const context = { now: 0, secretText: '{"current":"a-secret-that-is-long-enough"}' };
    const ketch = { tenants: ['t'], environments: ['e'], identities: { account_id: 'source_id' } };
    const sections = { ketch, shopify: { shops: ['a.myshopify.com'], customerId: 'source_id' } };
    for (const [name, section] of Object.entries(sections)) {
      expect(messageSourceOf(name, section)?.build({}, context)).toBeUndefined();
      expect(messageSourceOf(name, section)?.build({ source_id: 'crm-1' }, context)?.body).toContain('"crm-1"');
    }
    const section = { authentication: { kind: 'standard-webhooks' } };
    const projects = { main: { baseUrl: 'https://api.voucherify.io' } };
    const parsed = parseSettings(JSON.stringify({ projects, platforms: { generic: section } }), 'deployed');
    expect(messageSourceOf('generic', parsed.platforms['generic'])).toMatchObject({ title: 'Generic platform' });
    const standard = messageSourceOf('generic', section);
    expect(standard).toMatchObject({ title: 'Generic platform' });
    expect(standard?.build({}, context)).toBeUndefined();
    expect(messageSourceOf('transcend', {})).toBeUndefined();
  });
});

const chromiumPath = findChromium();

describe.skipIf(chromiumPath === undefined)('page of a local run in Chromium', () => {
  const open = chromiumForSuite(chromiumPath);
  const stepOf = (page: Page, name: string) =>
    page.getByRole('article').first().getByRole('listitem').filter({ hasText: name });
  const finished = async (page: Page) => {
    await page.getByText('Evidence: signature valid, checked by this browser').waitFor();
    return page.getByRole('article').first().textContent();
  };

  test('Ketch: the receipt goes from accepted to signed, and the browser verifies the signature', async () => {
    const { url } = await startRun();
    const page = await open(url);
    await page.getByRole('button', { name: 'Ketch' }).click();
    await stepOf(page, 'answered: done.').waitFor();
    expect(await page.getByRole('radio', { name: /^Ada Example/ }).isDisabled()).toBe(true);
    await page.getByRole('article').getByRole('button', { name: 'Go to the next attempt' }).click();
    expect(await finished(page)).toMatch(
      /Ketch asks to erase Ada Example[\s\S]*accepted[\s\S]*pinned[\s\S]*deleted[\s\S]*answered[\s\S]*signed/,
    );
    await page.getByText('Request and reply: 200').click();
    await page.getByText('"kind": "DeleteRequest"').waitFor();
    await page.getByText(/^Evidence/).click();
    await page.getByText('"outcome": "erased"').waitFor();
    await page.getByText('raises the alarm erased-person-still-present').waitFor();
    await page.getByRole('button', { name: 'Restore all' }).click();
    await page.getByText('raises the alarm erased-person-still-present').waitFor({ state: 'hidden' });
    await expect.poll(() => page.getByRole('radio', { name: /^Ada Example/ }).isEnabled()).toBe(true);
  });

  test('outage: the request stays open, and after its end the platform is called back', async () => {
    const { url } = await startRun();
    const page = await open(url);
    await page.getByRole('radio', { name: 'Is down' }).check();
    await page.getByRole('button', { name: 'Ketch' }).click();
    await stepOf(page, 'The reply said that the erasure is in progress.').waitFor();
    await page.getByRole('radio', { name: 'Works' }).check();
    const next = page.getByRole('article').getByRole('button', { name: 'Go to the next attempt' });
    await next.click();
    await stepOf(page, 'The platform got the result.').waitFor();
    // The verification, a minute later.
    await next.click();
    expect(await finished(page)).toContain('The platform got the result.');
  });

  test('rejected key: raises the alarm of the runbook until it is cleared', async () => {
    const { url } = await startRun();
    const page = await open(url);
    await page.getByRole('radio', { name: 'Rejects the key' }).check();
    await page.getByRole('button', { name: 'Standard Webhooks' }).click();
    const alarm = page.getByRole('region', { name: 'Alarms' });
    await alarm.getByText('voucherify-unavailable').first().waitFor();
    await alarm.getByRole('button', { name: 'Clear' }).click();
    await alarm.waitFor({ state: 'hidden' });
  });

  test('keyboard alone: chooses a customer, a wrong secret and a platform, and reads the reply', async () => {
    const { url } = await startRun();
    const page = await open(url);
    await page.getByRole('radio', { name: /^Ada Example/ }).waitFor();
    const focused = () =>
      page.evaluate("(document.activeElement.closest('label') ?? document.activeElement).textContent.trim()");
    const tabTo = async (name: string) => {
      for (let tabs = 0; tabs < 30 && !String(await focused()).startsWith(name); tabs += 1)
        await page.keyboard.press('Tab');
      expect(await focused()).toContain(name);
    };
    await tabTo('Ada Example');
    await page.keyboard.press('ArrowDown');
    await tabTo('Ben Example');
    await tabTo('Sign with a wrong secret');
    await page.keyboard.press('Space');
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('Standard Webhooks');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Standard Webhooks asks to erase Ben Example' }).waitFor();
    await expect.poll(() => page.getByRole('status').textContent()).toBe('Standard Webhooks: rejected with 401');
    await tabTo('Request and reply: 401');
    await page.keyboard.press('Enter');
    await page.getByText('"type": "source_id"').waitFor();
  });

  test.each([
    [1280, 'light'],
    [1280, 'dark'],
    [390, 'light'],
    [390, 'dark'],
  ] as const)(
    '%d pixels, %s: nothing overflows, and every control has a name and enough contrast',
    async (width, colorScheme) => {
      const { url } = await startRun();
      const page = await open(url, { viewport: { width, height: 844 }, colorScheme });
      await page.getByRole('radio', { name: 'Has no quota left' }).check();
      await page.getByRole('button', { name: 'Ketch' }).click();
      await page.getByRole('region', { name: 'Alarms' }).waitFor();
      await page.getByText(/^Request and reply/).click();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      expect(await page.evaluate(poorContrast)).toEqual([]);
      for (const role of ['button', 'radio', 'checkbox'] as const) {
        const all = await page.getByRole(role).count();
        expect(await page.getByRole(role, { name: /\S/ }).count()).toBe(all);
      }
    },
  );

  test('another web page: cannot read the run or change it', async () => {
    const run = await startRun();
    const other = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end('<p>other</p>'));
    onTestFinished(() => void other.close());
    const page = await open(`http://127.0.0.1:${await listenOnLoopback(other)}/`);
    const attack = (url: string, init: string) =>
      page.evaluate(`fetch('${url}', ${init}).then(response => response.type, () => 'failed')`);
    const post = `{ method: 'POST', mode: 'no-cors', body: '{"mode":"down"}' }`;
    expect(await attack(`${run.url}/local/outage`, post)).toBe('opaque');
    expect(await attack(`${run.sandboxUrl}/sandbox/outage`, post)).toBe('opaque');
    expect(await attack(`${run.url}/local/events`, '{}')).toBe('failed');
    expect((await stateOf(run)).outage).toBe('none');
  });

  test('run that was started again: the page says where the older receipts are', async () => {
    const data = temporaryFolder();
    const older = 'Receipts from before this start';
    const first = await startRun({ data });
    const page = await open(first.url);
    await page.getByText('No request since npm start').waitFor();
    expect(await page.getByText(older).isVisible()).toBe(false);
    await first.close();
    const again = await open((await startRun({ data })).url);
    await again.getByText(older).waitFor();
    expect(await again.getByText('npm run ops -- list --local').isVisible()).toBe(true);
  });

  test('stopped run: the page says so', async () => {
    const run = await startRun();
    const page = await open(run.url);
    await page.getByRole('button', { name: 'Ketch' }).waitFor();
    await run.close();
    await page.getByText('The local run has stopped.').waitFor();
  });
});
