import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import { createCallbackClient } from '../../lambda/io/public-address.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { type Fixture, publishedFixtures, wireOf } from '../support/conformance.ts';
import { jsonOrUndefined, sendOver } from '../support/event.ts';
import { createHarness, type Harness } from '../support/harness.ts';
import { serveListing } from '../support/listing-platform.ts';
import { startLocalProcess, temporaryFolder } from '../support/local-process.ts';
import { closeServersAfterEach } from '../support/loopback-servers.ts';
import {
  type PullFixture,
  pullFixture,
  pullRecipeNames,
  type RecipeFixture,
  recipeFixture,
  recipeNames,
  recipeText,
  recipeWire,
} from '../support/recipes.ts';

closeServersAfterEach();

const cases = recipeNames.map(name => ({ name, fixture: recipeFixture(name) }));

describe('recipe', () => {
  test.each(cases)('$name: can be deployed as it stands, and its message names its source', ({ name, fixture }) => {
    expect(Object.keys(parseSettings(recipeText(name), 'deployed').platforms)).toEqual([name]);
    expect(fixture.source.join()).not.toBe('');
    expect(fixture.confidence).toMatch(/^(high|medium|low|our own)/);
  });

  test.each(cases)('$name: its message, sent twice, is one request that erases its customers', async ({ fixture }) => {
    const { harness, calls } = harnessFor(fixture);
    const wanted = fixture.customers.map(customer => harness.addCustomer(customer));
    harness.sandbox.outage(fixture.outage === true ? 'error' : undefined);
    const wire = wireFor(fixture, fixture.request);
    const reply = await harness.send(wire);
    expect([reply.status, reply.json]).toEqual([fixture.reply.status, bodyOf(fixture.reply)]);
    harness.sandbox.outage(undefined);
    await harness.send(wire);
    expect(await harness.receipts()).toHaveLength(wanted.length);
    for (const receipt of await harness.receipts())
      expect(receipt.submittedAt).toBe(Date.parse(fixture.submittedAt ?? fixture.clock));
    for (const _ of [1, 2]) {
      await harness.sweep(harness.clock.now + 120_000);
    }
    expect(harness.deleted().toSorted()).toEqual(wanted.toSorted());
    const { callback } = fixture;
    expect(calls.map(({ method, url }) => [method, url.pathname])).toEqual(
      callback === undefined ? [] : [[callback.method, callback.path]],
    );
  });

  test.each(cases)('$name: another message of the platform erases no one', async ({ fixture }) => {
    const { harness } = harnessFor(fixture);
    expect((await harness.send(wireFor(fixture, fixture.other.request))).status).toBe(fixture.other.reply.status);
    expect(await harness.receipts()).toEqual([]);
  });

  test.each(cases)('$name: another secret is rejected', async ({ name, fixture }) => {
    const { harness } = harnessFor(fixture);
    const other = { ...fixture.config.secret, current: 'whsec_YW5vdGhlci1zZWNyZXQtb2YtMjQtYnl0ZXM=:x' };
    const isKey = fixture.signed?.isBase64Key === true;
    const prefix = fixture.config.secret.current.startsWith('whsec_') ? 'whsec_' : '';
    harness.secrets[`erasure/platform/${name}`] = JSON.stringify({
      ...other,
      ...(isKey ? { current: `${prefix}${other.current.slice('whsec_'.length, -':x'.length)}` } : {}),
    });
    expect((await harness.send(wireFor(fixture, fixture.request))).status).toBe(401);
    expect(await harness.receipts()).toEqual([]);
  });
});

test('recipes in npm start, all of them: each message is answered, its customers are erased, and its callback arrives', async () => {
  const called: { method: string; path: string; headers: object; body: unknown }[] = [];
  const receiver = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    called.push({ method, path, headers, body: jsonOrUndefined(await text(request)) });
    response.end();
  });
  await new Promise<void>(resolve => receiver.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void receiver.close());
  const origin = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const run = await startLocalProcess({ ...pace, SETTINGS: settingsOfAll(origin) });
  for (const { name, fixture } of cases) {
    for (const customer of fixture.customers)
      await post(run.sandboxUrl, '/sandbox/customers', { ...customer, created_at: '2025-01-01T00:00:00Z' });
    if (fixture.outage === true) await post(run.sandboxUrl, '/sandbox/outage', { mode: 'down' });
    const rawBody = originsOf(name).reduce((body, one) => body.replaceAll(one, origin), fixture.request.rawBody);
    const url = `https://${new URL(run.url).host}/webhooks/${name}`;
    const reply = await sendOver(run.url, recipeWire(fixture, { ...fixture.request, rawBody }, url));
    expect([name, reply.status]).toEqual([name, fixture.reply.status]);
    await post(run.sandboxUrl, '/sandbox/outage', { mode: null });
    // Repeated failures may have opened the circuit breaker: the next message must not meet it.
    const emails = fixture.customers.map(({ email }) => email);
    await expect.poll(() => registered(run.sandboxUrl, emails), patient).toEqual([]);
  }
  for (const { fixture } of cases) {
    if (fixture.callback === undefined) continue;
    await expect.poll(() => called, patient).toContainEqual(expect.toSatisfy(call => isLike(call, fixture.callback!)));
  }
  for (const { name, fixture } of cases) {
    if (fixture.statusOf === undefined) continue;
    const { headers } = fixture.request;
    const path = `/webhooks/${name}/${fixture.statusOf}`;
    expect(await sendOver(run.url, { method: 'GET', path, headers, body: '' })).toMatchObject({ status: 200 });
  }
  expect(called).toHaveLength(cases.filter(({ fixture }) => fixture.callback !== undefined).length);
});

test('pull recipes in npm start: the orders are erased and completed', async () => {
  const { promise: areRegistered, resolve: registeredAll } = Promise.withResolvers<void>();
  const platform = await serveListing(async ({ path, query }) => {
    await areRegistered;
    const { fixture } = pulls.find(one => one.fixture.call.path === path) ?? {};
    const token = pulls.find(one => one.fixture.token?.path === path)?.fixture.token;
    if (fixture === undefined) return { status: 200, body: token?.reply };
    const isFirst = Object.entries(fixture.call.query).every(([name, value]) => query[name] === value);
    return { status: 200, body: isFirst ? fixture.page : fixture.end };
  });
  const run = await startLocalProcess({ ...pace, SETTINGS: settingsOfAll(platform.origin, pullRecipeNames) });
  for (const { fixture } of pulls)
    for (const customer of fixture.customers)
      await post(run.sandboxUrl, '/sandbox/customers', { ...customer, created_at: '2025-01-01T00:00:00Z' });
  registeredAll();
  const emails = pulls.flatMap(({ fixture }) => fixture.customers.map(({ email }) => email));
  const told = (path: string) => platform.calls.filter(call => call.path === path);
  for (const { fixture } of pulls)
    await expect
      .poll(() => told(fixture.callback.path), patient)
      .toContainEqual(expect.objectContaining({ method: fixture.callback.method }));
  expect(await registered(run.sandboxUrl, emails)).toEqual([]);
  for (const { fixture } of pulls)
    expect(told(fixture.callback.path)[0]?.headers).toMatchObject(fixture.callback.headers);
});

const pulls = pullRecipeNames.map(name => ({ name, fixture: pullFixture(name) }));

describe('pull recipe', () => {
  test.each(pulls)('$name: can be deployed as it stands, and its page names its source', ({ name, fixture }) => {
    expect(Object.keys(parseSettings(recipeText(name), 'deployed').platforms)).toEqual([name]);
    expect(fixture.source.join()).not.toBe('');
    expect(fixture.confidence).toMatch(/^(high|medium|low|our own)/);
  });

  test.each(pulls)(
    '$name: its order is one request that erases its customers and is completed',
    async ({ fixture }) => {
      const { harness, platform } = await pullHarness(fixture, fixture.page);
      const wanted = fixture.customers.map(customer => harness.addCustomer(customer));
      for (let minutes = 0; minutes < 40; minutes += 1) {
        await harness.sweep(harness.clock.now + 60_000);
      }
      const { call, token } = fixture;
      expect(platform.calls.find(({ path }) => path === call.path)).toMatchObject(call);
      expect(platform.calls.filter(({ path }) => path === token?.path).slice(0, 1)).toMatchObject(
        token === undefined ? [] : [{ headers: { authorization: token.authorization }, form: token.form }],
      );
      expect(harness.deleted()).toEqual(wanted);
      expect(await harness.receipts()).toHaveLength(1);
      const [receipt] = await harness.receipts();
      expect([receipt?.submittedAt, receipt?.authentication.scheme]).toEqual([
        Date.parse(fixture.submittedAt!),
        'pull',
      ]);
      const told = platform.calls.filter(({ path }) => path === fixture.callback.path);
      expect(told).toEqual([expect.objectContaining({ method: fixture.callback.method })]);
      expect(told[0]).toMatchObject(fixture.callback);
      expect(harness.alarms()).toEqual([]);
    },
  );

  test.each(pulls)('$name: other entries of the list erase no one', async ({ fixture }) => {
    const { harness } = await pullHarness(fixture, fixture.other);
    harness.addCustomer(fixture.customers[0]!);
    await harness.sweep();
    expect(await harness.receipts()).toEqual([]);
    expect(harness.alarms()).toEqual([]);
  });
});

/** A harness with the recipe's settings, and a server in the place of the platform that lists a page, and then nothing. */
async function pullHarness({ config, clock, call, end, token }: PullFixture, page: unknown) {
  const names = Object.keys(call.query).filter(name => ['page', 'offset'].includes(name));
  const isFirst = (query: Readonly<Record<string, string>>) => names.every(name => query[name] === call.query[name]);
  const platform = await serveListing(({ path, query }) =>
    path === call.path
      ? { status: 200, body: isFirst(query) ? page : end }
      : { status: 200, body: path === token?.path ? token.reply : '' },
  );
  const text = originsOf(config.platform).reduce(
    (all, one) => all.replaceAll(one, platform.origin),
    recipeText(config.platform),
  );
  const harness = createHarness({
    platforms: (JSON.parse(text) as { platforms: Record<string, unknown> }).platforms,
    projects: ['main'],
    secrets: { [`erasure/platform/${config.platform}`]: JSON.stringify(config.secret) },
    at: Date.parse(clock),
    customers: [],
    change: ({ now }) => ({ sendCallback: createCallbackClient(now) }),
  });
  return { harness, platform };
}

const pace = {
  DATA_DIR: ':memory:',
  CLOCK: '2026-01-15T12:00:00Z',
  SWEEP_SECONDS: '0.2',
  BACKOFF_SECONDS: '0.05',
  CLAIM_SECONDS: '2',
};
const patient = { timeout: 60_000, interval: 100 };

/** Writes settings with every recipe, whose callbacks go to one address of this machine. */
function settingsOfAll(origin: string, names = recipeNames): string {
  const sections = names.map(name => {
    const text = originsOf(name).reduce((all, one) => all.replaceAll(one, origin), recipeText(name));
    return (JSON.parse(text) as { platforms: object }).platforms;
  });
  const projects = { main: { baseUrl: 'https://api.voucherify.io', callsPerMinute: 1_000_000, quotaShare: 1 } };
  const file = join(temporaryFolder(), 'settings.json');
  writeFileSync(
    file,
    JSON.stringify({ projects, platforms: Object.assign({}, ...sections), limits: { answerBudgetMs: 14_000 } }),
  );
  return file;
}

function originsOf(name: string): readonly string[] {
  const { platforms } = JSON.parse(recipeText(name)) as { platforms: Record<string, { callbackOrigins?: string[] }> };
  return platforms[name]!.callbackOrigins ?? [];
}

function post(url: string, path: string, body: object) {
  return sendOver(url, { path, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

async function registered(url: string, emails: readonly string[]): Promise<readonly string[]> {
  const { json } = await sendOver(url, { method: 'GET', path: '/sandbox/customers', headers: {}, body: '' });
  return emails.filter(email => JSON.stringify(json).includes(email));
}

function isLike(call: unknown, wanted: NonNullable<RecipeFixture['callback']>): boolean {
  try {
    expect(call).toMatchObject(wanted);
    return true;
  } catch {
    return false;
  }
}

/** The reply's body, of which only the stated part is compared. */
function bodyOf({ body }: RecipeFixture['reply']): unknown {
  return body === undefined ? undefined : expect.objectContaining(body);
}

function wireFor(fixture: RecipeFixture, message: RecipeFixture['request']) {
  return recipeWire(fixture, message, `https://erasure.example.com/v1/webhooks/${fixture.config.platform}`);
}

function harnessFor({ config, clock }: RecipeFixture): { harness: Harness; calls: HttpCall[] } {
  const calls: HttpCall[] = [];
  const harness = createHarness({
    ...(JSON.parse(recipeText(config.platform)) as { platforms: Record<string, unknown> }),
    projects: ['main'],
    secrets: { [`erasure/platform/${config.platform}`]: JSON.stringify(config.secret) },
    at: Date.parse(clock),
    customers: [],
    change: () => ({
      sendCallback: async call => {
        calls.push(call);
        return { kind: 'response', status: 200, headers: {}, body: '' };
      },
    }),
  });
  return { harness, calls };
}

describe('published fixture of Kertos through its recipe', () => {
  const shared = publishedFixtures('kertos');
  const outcomes = shared.flatMap(fixture =>
    Object.entries(fixture.responses).map(([outcome, { status }]) => ({
      name: fixture.fixture,
      fixture,
      outcome,
      status,
    })),
  );

  test.each(outcomes)('$name: $outcome', async ({ fixture, outcome, status }) => {
    const harness = kertosHarness(withLongKey(fixture), outcome === 'not_found' ? { customers: [] } : {});
    if (outcome === 'failed_retryable') harness.sandbox.outage('error');
    const answer = await harness.send(wireOf(withLongKey(fixture), '/webhooks/kertos'));
    // The vendor's codes were not published; what fails for now is 503 here.
    expect(answer.status).toBe(outcome === 'failed_retryable' ? 503 : status);
    expect(harness.sandbox.deletions()).toHaveLength(outcome === 'deleted' ? 1 : 0);
  });

  test('its key is too short to be accepted, so the tests lengthen it', async () => {
    const [fixture] = shared;
    const harness = kertosHarness({ ...fixture!, config: { ...fixture!.config, secret: fixture!.config['apiKey'] } });
    expect((await harness.send(wireOf(fixture!, '/webhooks/kertos'))).status).toBe(503);
  });
});

function withLongKey(fixture: Fixture): Fixture {
  const secret = `${String(fixture.config['apiKey'])}-of-24-characters`;
  const headers = { ...fixture.request.headers, 'X-API-KEY': secret };
  return { ...fixture, config: { secret }, request: { ...fixture.request, headers } };
}

function kertosHarness({ config, clock }: Fixture, options: { customers?: [] } = {}): Harness {
  const { platforms } = JSON.parse(recipeText('kertos')) as { platforms: Record<string, unknown> };
  const secrets = { 'erasure/platform/kertos': JSON.stringify({ current: config['secret'] }) };
  return createHarness({ platforms, secrets, at: Date.parse(clock), ...options });
}
