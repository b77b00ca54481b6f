import { describe, expect, test, vi } from 'vitest';
import { changed } from '../../lambda/receipts/receipt.ts';
import { fixtureTime } from '../support/house.ts';
import { account } from '../support/ketch.ts';
import { hour, minute } from '../support/pace-heard.ts';
import { registered } from '../support/pace-ketch.ts';
import { kept, receiptOf } from '../support/receipt-builders.ts';
import { erased, type Office, office, stopped } from './office.ts';

const day = 24 * hour;

/** Receipts that are received and due as many days after the other. */
async function open(at: Office, count: number, platform = 'generic'): Promise<void> {
  for (let one = 0; one < count; one += 1) {
    const submittedAt = fixtureTime - (one + 1) * day;
    const facts = { id: `${platform}-${one}`, platform, receivedAt: submittedAt, submittedAt, nextAttemptAt: one };
    await at.house.parts.store.accept(receiptOf({ ...facts, subjectMacs: [] }), kept);
  }
}

interface Row {
  readonly receipt: string;
  readonly state: string;
}

async function rows(at: Office, ...args: readonly string[]): Promise<readonly Row[]> {
  const { status, json } = await at.run('list', ...args, '--json');
  expect(status).toBe(0);
  return json as readonly Row[];
}

describe('list', () => {
  test('says that nothing waits', async () => {
    const at = await office();
    await erased(at);
    expect(await at.run('list')).toMatchObject({ status: 0, lines: ['nothing waits'] });
    expect(await rows(at)).toEqual([]);
  });

  test('shows first what waits for a person, then what is due first; and what each waits for', async () => {
    const at = await office();
    registered(at.house, 'crm-1');
    at.house.sandbox.outage('error');
    const waiting = await at.asked([account('crm-1')]);
    at.house.sandbox.outage(undefined);
    const human = await stopped(at);
    const unsigned = await at.asked([account('crm-nobody')]);
    await open(at, 2);
    const untold = receiptOf({
      id: 'untold',
      platform: 'generic',
      subjectMacs: [],
      submittedAt: fixtureTime - 2.5 * day,
    });
    await at.house.parts.store.accept(untold, kept);
    const closed = { state: 'erased', queue: 'call-back', closedAt: fixtureTime, nextAttemptAt: fixtureTime } as const;
    await at.desk.store.replace(changed(untold, closed));
    const all = await rows(at);
    expect(all.map(({ receipt, state }) => [receipt, state])).toEqual([
      [human, 'needs-human'],
      ['untold', 'call-back'],
      ['generic-1', 'open'],
      ['generic-0', 'open'],
      [waiting, 'open'],
      [unsigned, 'sign'],
    ]);
    for (const state of ['needs-human', 'open', 'call-back', 'sign']) {
      expect(await rows(at, '--state', state)).toEqual(all.filter(row => row.state === state));
    }
    expect(await rows(at, '--platform', 'generic')).toEqual(
      all.filter(({ receipt }) => /generic|untold/.test(receipt)),
    );
  });

  test('prints a table of why, how old, how much of the time is used, and when it goes on', async () => {
    const at = await office();
    const human = await stopped(at);
    await open(at, 1);
    at.house.clock.at += 90 * minute;
    const { lines } = await at.run('list');
    expect(lines.map(line => line.split(/ {2,}/))).toEqual([
      ['RECEIPT', 'PLATFORM', 'STATE', 'WHY', 'AGE', 'DEADLINE', 'NEXT ATTEMPT'],
      [human, 'ketch', 'needs-human', 'too-many-matches', '1 h 30 min', '0 %', 'after your decision'],
      ['generic-0', 'generic', 'open', 'not-tried-yet', '1 d 1 h', '3 %', '1970-01-01T00:00:00Z'],
    ]);
    await at.run('refuse', human, '--why', 'a drill');
    expect((await at.run('list')).lines.join('\n')).toContain('to-be-refused');
  });

  test('colours what is late, where there are colours', async () => {
    const at = await office();
    await open(at, 32);
    vi.stubEnv('FORCE_COLOR', '1');
    vi.stubEnv('NO_COLOR', undefined);
    const { lines } = await at.run('list');
    const red = lines.filter(line => line.includes('\u001b[31m'));
    // The month is over for the two that came more than thirty days ago.
    expect(red.map(line => /generic-\d+/.exec(line)?.[0])).toEqual(['generic-31', 'generic-30']);
  });

  test('says when there are more than it shows', async () => {
    const at = await office();
    await open(at, 3);
    expect((await at.run('list', '--limit', '3')).lines).toHaveLength(4);
    const { lines } = await at.run('list', '--limit', '2');
    expect(lines.length).toBe(4);
    expect(lines.at(-1)).toContain('there are more than these');
    const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    expect(await rows(at, '--limit', '2')).toHaveLength(2);
    expect(said).toHaveBeenCalledWith(expect.stringContaining('there are more than these'));
  });

  test('finds those of one platform among many of another', async () => {
    const at = await office();
    await open(at, 60);
    await open(at, 1, 'segment');
    expect(await rows(at, '--platform', 'segment', '--limit', '5')).toMatchObject([{ receipt: 'segment-0' }]);
  });

  test.each([
    [['--state', 'late'], '--state: must be needs-human, open, call-back, sign'],
    [['--state', 'constructor'], '--state: must be'],
    [['--limit', '0'], '--limit: must be a whole number from 1 to 1000'],
    [['all'], 'list: takes options only'],
  ])('refuses %j', async (args, message) => {
    await expect((await office()).run('list', ...args)).rejects.toThrow(message);
  });
});
