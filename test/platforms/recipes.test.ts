import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseSettings } from '../../lambda/settings.ts';
import { type Fixture, ownFixtures, publishedFixtures, wireOf } from '../support/conformance.ts';
import { createHarness, type Harness } from '../support/harness.ts';

const folder = new URL('../../docs/platforms/recipes/', import.meta.url);
const recipes = readdirSync(folder).map(file => file.replace(/\.json$/, ''));
const fixtures = new Map(ownFixtures('recipes').map(fixture => [String(fixture.config['platform']), fixture]));
const cases = [...fixtures].flatMap(([name, fixture]) =>
  Object.entries(fixture.responses).map(([outcome, { status }]) => ({ name, outcome, status: status!, fixture })),
);

describe('a recipe', () => {
  test.each(recipes)('%s can be deployed as it stands, and has a message of its own', name => {
    expect(Object.keys(parseSettings(textOf(name), 'deployed').platforms)).toEqual([name]);
    expect(fixtures.has(name)).toBe(true);
  });

  test.each(cases)('$name: $outcome is answered with $status', async ({ name, outcome, status, fixture }) => {
    const harness = await harnessOf(name, fixture, outcome === 'not_found' ? { customers: [] } : {});
    if (outcome === 'accepted_async') harness.sandbox.outage('error');
    const wire = wireOf(fixture, `/webhooks/${name}`);
    const body =
      outcome === 'no_usable_identifier' ? wire.body.toString().replace(/crm-10042|ada@/g, '\\u0000') : wire.body;
    expect((await harness.send({ ...wire, body })).status).toBe(status);
    expect(harness.sandbox.deletions()).toHaveLength(outcome === 'deleted' ? 1 : 0);
    expect(await harness.receipts()).toHaveLength(1);
  });

  test.each([...fixtures])(
    '%s: the same message is one request, and what came first is when it was asked',
    async (name, fixture) => {
      const harness = await harnessOf(name, fixture);
      for (const _ of [1, 2]) await harness.send(wireOf(fixture, `/webhooks/${name}`));
      const [receipt, ...others] = await harness.receipts();
      expect(others).toEqual([]);
      expect(receipt).toMatchObject({ state: 'erased', platform: name });
      const times: Readonly<Record<string, string>> = {
        kertos: '2026-01-15T11:30:00Z',
        'in-house-form': '2026-01-15T11:55:00Z',
      };
      expect(receipt!.submittedAt).toBe(Date.parse(times[name] ?? fixture.clock));
    },
  );

  test.each([...fixtures])('%s: another secret, and another message, are refused', async (name, fixture) => {
    const harness = await harnessOf(name, fixture);
    const wire = wireOf(fixture, `/webhooks/${name}`);
    const other = { method: 'POST', path: wire.path, headers: wire.headers, body: '{"operation":"read"}' };
    const isSigned = 'webhook-signature' in wire.headers;
    expect((await harness.send(other)).status).toBe(isSigned ? 401 : 400);
    harness.secrets[`erasure/platform/${name}`] = JSON.stringify({ current: 'another:secret-of-24-characters' });
    expect((await harness.send(wire)).status).toBe(isSigned ? 503 : 401);
    expect(await harness.receipts()).toEqual([]);
  });

  test('in-house-form: a trial is answered, and nothing is stored', async () => {
    const fixture = fixtures.get('in-house-form')!;
    const harness = await harnessOf('in-house-form', fixture);
    const section = harness.services.settings.platforms['in-house-form'];
    const platform = harness.services.platforms.get('in-house-form')!;
    const rawBody = Buffer.from(fixture.request.rawBody.replace('"trial":false', '"trial":true'));
    const headers = new Map([['content-type', ['application/json']]]);
    const request = { method: 'POST', path: '', headers, rawBody };
    expect(section).toMatchObject({ test: '/trial' });
    expect(platform.parse(request)).toMatchObject({ test: true });
  });
});

describe('a published fixture of Kertos through its recipe', () => {
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
    const harness = await harnessOf('kertos', withLongKey(fixture), outcome === 'not_found' ? { customers: [] } : {});
    if (outcome === 'failed_retryable') harness.sandbox.outage('error');
    const answer = await harness.send(wireOf(withLongKey(fixture), '/webhooks/kertos'));
    // The vendor's codes were not published; what fails for now is 503 here.
    expect(answer.status).toBe(outcome === 'failed_retryable' ? 503 : status);
    expect(harness.sandbox.deletions()).toHaveLength(outcome === 'deleted' ? 1 : 0);
  });

  test('its key is too short to be accepted, so the tests lengthen it', async () => {
    const [fixture] = shared;
    const secret = { ...fixture!.config, secret: fixture!.config['apiKey'] };
    const harness = await harnessOf('kertos', { ...fixture!, config: secret });
    expect((await harness.send(wireOf(fixture!, '/webhooks/kertos'))).status).toBe(503);
  });
});

function withLongKey(fixture: Fixture): Fixture {
  const secret = `${String(fixture.config['apiKey'])}-of-24-characters`;
  const headers = { ...fixture.request.headers, 'X-API-KEY': secret };
  return { ...fixture, config: { secret }, request: { ...fixture.request, headers } };
}

function harnessOf(name: string, { config, clock }: Fixture, options: { customers?: [] } = {}): Harness {
  const { platforms } = JSON.parse(textOf(name)) as { platforms: Record<string, unknown> };
  return createHarness({
    platforms,
    secrets: { [`erasure/platform/${name}`]: JSON.stringify({ current: config['secret'] }) },
    at: Date.parse(clock),
    ...options,
  });
}

function textOf(name: string): string {
  return readFileSync(new URL(`${name}.json`, folder), 'utf8');
}
