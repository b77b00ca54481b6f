import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { synthesised } from '../infra/synthesised.ts';
import { deleteRequest, ketchHarness, ketchSecret } from '../support/ketch.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/cost.md'), 'utf8');

/** Cells of the tables below a heading, without their heads. */
function rowsBelow(heading: string): readonly (readonly string[])[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  const rows = text.split('\n').filter(line => line.startsWith('|'));
  const isRule = (line: string | undefined) => line?.startsWith('|--') === true;
  const body = rows.filter((line, index) => !isRule(line) && !isRule(rows[index + 1]));
  return body.map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  );
}

const number = (text: string | undefined) => Number(text?.replaceAll(',', ''));
const code = (text: string | undefined) => text?.replaceAll('`', '') ?? '';

const prices = new Map(rowsBelow('Prices').map(([name, dollars, per]) => [code(name), number(dollars) / number(per)]));

/** What one row of a table with quantities comes to, in dollars. */
function dollarsOf([what, price, quantity]: readonly string[]): number {
  const each = prices.get(code(price));
  if (each === undefined) throw new Error(`${what}: there is no price ${price}`);
  return each * number(quantity);
}

const sum = (rows: readonly (readonly string[])[]) => rows.reduce((dollars, row) => dollars + dollarsOf(row), 0);

const ofErasure = rowsBelow('One erasure');
const ofMonth = rowsBelow('One month');
const stored = sum(ofErasure.filter(([, price]) => code(price) === 'storage'));
const processed = sum(ofErasure) - stored;
const fixed = sum(ofMonth);
const quantityOf = (what: string) => number([...ofErasure, ...ofMonth].find(([name]) => name === what)?.[2]);

describe('the page on costs', () => {
  const totals = new Map(rowsBelow('In all').map(([what, ...cells]) => [what, cells]));

  test('rows: have a price, and a number', () => {
    for (const each of prices.values()) expect(each).toBeGreaterThan(0);
    for (const row of [...ofErasure, ...ofMonth]) expect(dollarsOf(row)).toBeGreaterThan(0);
  });

  test('sums: are right', () => {
    const firewall = (prices.get('acl') ?? 0) + (prices.get('acl-rule') ?? 0);
    const said = ['processing', 'their receipts for 25 months'].map(part => `100,000 erasures: ${part}`);
    expect(totals.get(said[0])).toEqual([(processed * 100_000).toFixed(2)]);
    expect(totals.get(said[1])).toEqual([(stored * 100_000).toFixed(2)]);
    expect(totals.get('a month, whatever happens')).toEqual([fixed.toFixed(2)]);
    expect(totals.get('the firewall, if you want it (`operations.waf`, one rule), a month')).toEqual([
      firewall.toFixed(2),
    ]);
  });

  test.each(['1,000', '100,000', '10,000,000'])('year of %s erasures: adds up', text => {
    const year = 12 * fixed + number(text) * (processed + stored);
    const said = [year.toFixed(2), (12 * fixed).toFixed(2), (year / number(text)).toFixed(5)];
    expect(totals.get(text)).toEqual(said);
  });

  test.each(['A million events of customers', 'A hundred thousand erasures that count what is listed'])(
    '%s: adds up',
    heading => {
      const rows = rowsBelow(heading);
      const parts = rows.filter(([what]) => what !== 'all');
      expect(rows.at(-1)?.[2]).toBe(sum(parts).toFixed(2));
    },
  );

  test('README: has the same in round numbers', () => {
    const [month, many] = [fixed, (processed + stored) * 100_000].map(Math.round);
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
    expect(readme).toMatch(
      new RegExp(`about ${month} dollars a month, and about ${many} dollars more for each 100,000`),
    );
  });

  test('pause: adds up to less than a dollar a day', () => {
    const day = sum(rowsBelow('Under a pause'));
    expect(day).toBeLessThan(1);
    expect(page).toContain(`These are ${day.toFixed(2)} dollars a day.`);
  });

  test('goal: the page says whether it is reached', () => {
    const month = fixed + (prices.get('acl') ?? 0) + (prices.get('acl-rule') ?? 0);
    expect(month).toBeLessThanOrEqual(25);
    expect(processed * 100_000).toBeGreaterThan(5);
    expect(page).toMatch(/monthly costs meet the goal, also with the firewall\. The\s100,000 erasures do not/);
  });

  test.each(rowsBelow('Calls of Voucherify'))('%s: three calls of Voucherify', (erasures, calls, minute) => {
    expect(number(calls)).toBe(3 * number(erasures));
    expect(number(minute)).toBe(Number((number(calls) / (365 * 24 * 60)).toPrecision(number(minute) < 1 ? 1 : 2)));
  });
});

describe('what the page counts', () => {
  const { of } = synthesised();

  test('template: has exactly this', () => {
    const watched = of('AWS::CloudWatch::Alarm').map(
      ({ Metrics }) => Metrics?.filter((one: object) => 'MetricStat' in one).length ?? 1,
    );
    expect(watched.reduce((all: number, one: number) => all + one, 0)).toBeLessThanOrEqual(quantityOf('alarms'));
    expect(of('AWS::SecretsManager::Secret')).toHaveLength(quantityOf('secrets'));
    expect(of('AWS::KMS::Key').length).toBeLessThanOrEqual(quantityOf('keys'));
    expect(of('AWS::CloudWatch::CompositeAlarm')).toHaveLength(quantityOf('the alarm on unmatched receipts'));
    expect(of('AWS::CloudWatch::Dashboard')).toHaveLength(quantityOf('the dashboard'));
    const [webhook, sweeper] = ['webhook', 'sweeper'].map(name =>
      of('AWS::Lambda::Function').find(({ FunctionName }) => FunctionName === `erasure-${name}`),
    );
    expect([webhook.MemorySize / 1024, sweeper.MemorySize / 1024]).toEqual([quantityOf('its time'), 1]);
  });

  test('log of one erasure and of a sweep with nothing to do: has exactly this', async () => {
    const harness = ketchHarness();
    const headers = { authorization: ketchSecret, 'content-type': 'application/json' };
    await harness.send({ path: '/webhooks/ketch', headers, body: JSON.stringify(deleteRequest()) });
    const ours = harness.logText.join('').length;
    expect(ours).toBeLessThan(quantityOf('log lines') * 1e9);
    await harness.sweep();
    expect(harness.logText.join('').length - ours).toBeLessThan((quantityOf('their log lines') * 1e9) / 43_800);
  });
});
