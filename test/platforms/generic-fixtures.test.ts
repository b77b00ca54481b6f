import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectAnswer, type Fixture, ownFixtures, publishedFixtures, wireOf } from '../support/conformance.ts';
import { createHarness } from '../support/harness.ts';

/** Its cases share one secret and one clock, which stand above them. */
const file = new URL('../fixtures/published/generic/standard-webhooks.json', import.meta.url);
const above = JSON.parse(readFileSync(file, 'utf8')) as Fixture;
const shared = publishedFixtures('generic') as readonly (Fixture & { name: string })[];

describe('a published fixture of the generic sender through the exported handler', () => {
  test.each(shared)('$name', async fixture => {
    const harness = await harnessOf(above.config['secret'], above.clock);
    const answer = await harness.send(wireOf(fixture, '/webhooks/generic'));
    const { accepted, rejected } = fixture.responses;
    expect(accepted === undefined ? [rejected!.status] : [200, 202]).toContain(answer.status);
    expect(await harness.receipts()).toHaveLength(accepted === undefined ? 0 : 1);
    expect(harness.sandbox.deletions()).toHaveLength(accepted === undefined ? 0 : 1);
  });
});

describe('a fixture of our own contract through the exported handler', () => {
  test.each(ownFixtures('generic'))('$fixture', async fixture => {
    const harness = await harnessOf(fixture.config['secret'], fixture.clock, fixture.config['settings']);
    const answer = await harness.send(wireOf(fixture, '/webhooks/generic'));
    const [expected] = Object.values(fixture.responses);
    expectAnswer(answer, expected!);
    const erases = fixture.parsed.intent === 'erase';
    const receipts = await harness.receipts();
    expect(receipts).toHaveLength(erases ? 1 : 0);
    const hmacs = await harness.services.pseudonymizer();
    const wanted = (fixture.parsed.identifiers ?? []).map(({ kind, value }) =>
      hmacs.subject({ kind: kind as 'email', value }),
    );
    expect(receipts.flatMap(receipt => receipt.subjectHmacs)).toEqual(wanted);
    const { dueAt } = fixture.parsed;
    if (dueAt !== undefined) expect(receipts).toMatchObject([{ dueAt: Date.parse(dueAt) }]);
  });
});

function harnessOf(secret: unknown, at: string, settings: unknown = { authentication: { kind: 'standard-webhooks' } }) {
  return createHarness({
    platforms: { generic: settings },
    secrets: { 'erasure/platform/generic': JSON.stringify({ current: secret }) },
    at: Date.parse(at),
  });
}
