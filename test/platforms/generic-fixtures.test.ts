import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectAnswer, type Fixture, ownFixtures, sharedFixtures, wireOf } from '../support/conformance.ts';
import { houseFor } from '../support/house.ts';

/** Its cases share one secret and one clock, which stand above them. */
const file = new URL('../../../shared/fixtures/generic/standard-webhooks.json', import.meta.url);
const above = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Fixture) : undefined;
const shared = sharedFixtures('generic') as readonly (Fixture & { name: string })[];

describe('a shared fixture of the generic sender through the exported handler', () => {
  test.skipIf(shared.length === 0).each(shared)('$name', async fixture => {
    const house = await houseOf(above?.config['secret'], above?.clock ?? '');
    const answer = await house.send(wireOf(fixture, '/webhooks/generic'));
    const { accepted, rejected } = fixture.responses;
    expect(accepted === undefined ? [rejected!.status] : [200, 202]).toContain(answer.status);
    expect(await house.receipts()).toHaveLength(accepted === undefined ? 0 : 1);
    expect(house.sandbox.deletions()).toHaveLength(accepted === undefined ? 0 : 1);
  });

  test('is there, or it was said that there is none', () => {
    expect(shared.length).toBe(existsSync(file) ? 5 : 0);
  });
});

describe('a fixture of our own contract through the exported handler', () => {
  test.each(ownFixtures('generic'))('$fixture', async fixture => {
    const house = await houseOf(fixture.config['secret'], fixture.clock, fixture.config['settings']);
    const answer = await house.send(wireOf(fixture, '/webhooks/generic'));
    const [expected] = Object.values(fixture.responses);
    expectAnswer(answer, expected!);
    const erases = fixture.parsed.intent === 'erase';
    const receipts = await house.receipts();
    expect(receipts).toHaveLength(erases ? 1 : 0);
    const hmacs = await house.services.pseudonymizer();
    const wanted = (fixture.parsed.identifiers ?? []).map(({ kind, value }) =>
      hmacs.subject({ kind: kind as 'email', value }),
    );
    expect(receipts.flatMap(receipt => receipt.subjectHmacs)).toEqual(wanted);
    const { dueAt } = fixture.parsed;
    if (dueAt !== undefined) expect(receipts).toMatchObject([{ dueAt: Date.parse(dueAt) }]);
  });
});

function houseOf(secret: unknown, at: string, settings: unknown = { scheme: 'standard-webhooks' }) {
  return houseFor({
    platforms: { generic: settings },
    secrets: { 'erasure/platform/generic': JSON.stringify({ current: secret }) },
    at: Date.parse(at),
  });
}
