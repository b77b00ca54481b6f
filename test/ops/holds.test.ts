import { describe, expect } from 'vitest';
import { placeHold } from '../../infra/ops/holds.ts';
import { setLegalHold } from '../../lambda/control/legal-holds.ts';
import { account, addPerson } from '../support/ketch.ts';
import { byEmail, errors, type OpsHarness, opsHarness, recordingOutput, test } from './ops-harness.ts';

const decided = ['--why', 'a lawsuit', '--by', 'ada', '--until', '2027-01-31'];

/** Sets a hold with the value on standard input, and returns the hold's id. */
function hold(at: OpsHarness, option: string, value: string): string {
  const { status, stdout, stderr } = at.process(['hold', option, '-', ...decided], `${value}\n`);
  expect([status, stderr]).toEqual([0, expect.not.stringContaining(value)]);
  expect(stdout).not.toContain(value);
  return /^hold (\S+): in effect until 2027-01-31T00:00:00Z/.exec(stdout)?.[1] ?? '';
}

describe('legal hold of the tool', () => {
  test('held person: the request waits, and continues after the release, with both in show', async ({ at }) => {
    addPerson(at.harness, 'crm-1');
    const held = hold(at, '--source-id', 'crm-1');
    const id = await at.request([account('crm-1')]);
    expect(at.harness.deleted()).toEqual([]);
    const shown = await at.run('show', id);
    expect(shown.lines).toEqual(
      expect.arrayContaining([
        'needs-review: legal-hold',
        `held by the legal hold ${held}: it continues by itself when the hold ends or is released`,
        'next: RUNBOOK.md#legal-hold',
        `  npm run ops -- release ${held} --why "…"`,
        `  2026-01-15T12:00:00.000Z  not erased because of legal hold ${held}, in effect when this was written`,
      ]),
    );
    expect((await at.run('list', '--state', 'held')).lines[1]).toContain('after the hold');
    expect((await at.run('release', held.slice(0, 8), '--why', 'settled')).status).toBe(0);
    expect((await at.run('holds')).lines).toEqual(['no legal hold is in effect']);
    for (let minutes = 0; minutes < 16; minutes += 1) await at.sweep();
    const closed = await at.harness.receipt(id);
    expect([closed.state, at.harness.deleted()]).toEqual(['erased', [expect.any(String)]]);
    const lines = (await at.run('show', id)).lines.filter(line => line.includes(held));
    expect(lines).toEqual([
      `  2026-01-15T12:00:00.000Z  not erased because of legal hold ${held}, until 2026-01-15T12:15:00.000Z`,
    ]);
  });

  test('holds: lists id, kind, end, reason and operator, and no identifier', async ({ at }) => {
    const held = hold(at, '--email', 'Zoe@Example.com');
    expect((await at.run('holds')).lines).toEqual([
      `hold ${held}: email, until 2027-01-31T00:00:00Z`,
      '  by     ada, 2026-01-15T12:00:00Z',
      '  why    a lawsuit',
    ]);
    expect((await at.run('holds', '--json')).json).toEqual([
      {
        ...{ hold: held, kind: 'email', by: 'ada', why: 'a lawsuit' },
        ...{ since: '2026-01-15T12:00:00Z', until: '2027-01-31T00:00:00Z' },
      },
    ]);
    at.harness.addCustomer({ source_id: 'crm-1', email: 'zoe@example.com' });
    await at.request([byEmail('zoe@example.com')]);
    expect(at.harness.deleted()).toEqual([]);
  });

  test.each([
    [['--source-id', 'crm-1'], '--source-id: must be -'],
    [['--source-id', '-', '--email', '-'], 'standard input has one value'],
    [[], 'hold: give one identifier'],
    [['--email', '-'], '--email: must be an e-mail address'],
  ])('%j: is a usage error that echoes no value', async (args, text) => {
    const at = await opsHarness();
    const { status, stderr } = at.process(['hold', ...args, ...decided], 'crm-1\n');
    expect([status, stderr]).toEqual([2, expect.stringContaining(text)]);
    expect(stderr).not.toContain('crm-1');
  });

  test.each([
    [['--until', '2026-01-15'], '--until: must be a day in the future'],
    [['--until', 'soon'], '--until: must be a day such as'],
    [[], '--until: must be a day such as'],
  ])('%j: has no valid end', async (args, text) => {
    const at = await opsHarness();
    await expect(at.run('hold', '--source-id', '-', '--why', 'a lawsuit', ...args)).rejects.toThrow(text);
  });

  test('release: of an unknown hold changes nothing', async ({ at }) => {
    const said = errors();
    expect((await at.run('release', 'unknown-hold', '--why', 'settled')).status).toBe(3);
    expect((await at.run('release', 'ada@example.com', '--why', 'settled')).status).toBe(3);
    expect(said.mock.calls.flat()).toEqual([
      'no hold in effect begins like this',
      'no hold in effect begins like this',
    ]);
    await expect(at.run('release', '--why', 'settled')).rejects.toThrow('give the ids of holds');
  });

  const until = Date.UTC(2027, 0, 31);

  test('placed in the test process: says what a running erasure may still do, once, and as JSON', async ({ at }) => {
    const place = async (value: string, json = false) => {
      const { output, lines, printed } = recordingOutput(json);
      const terms = { until, actor: 'ada', reason: 'a lawsuit', at: at.harness.clock.now };
      const status = await placeHold({ kind: 'source_id', value }, terms, at.context, output);
      return { status, lines, printed };
    };
    const first = await place('crm-1');
    expect([first.status, first.lines.length]).toEqual([0, 2]);
    const running = 'an erasure that began before the first hold can still delete until 2026-01-15T12:01:00Z';
    expect((await place('crm-1')).lines).toEqual([expect.stringContaining('already in effect'), running]);
    expect(first.lines.join()).toMatch(/in effect until 2027-01-31.*can still delete until 2026-01-15T12:01:00Z/);
    at.harness.clock.now += 60_000;
    expect(await place('crm-1')).toMatchObject({ status: 3, lines: [expect.stringContaining('already in effect')] });
    const { status, printed } = await place('crm-2', true);
    expect(status).toBe(0);
    expect(printed).toEqual([expect.objectContaining({ changed: true, until: '2027-01-31T00:00:00Z' })]);
    expect((await at.run('holds', '--json')).json).toHaveLength(2);
  });

  test('release: by a beginning that several holds have is refused, and as JSON lists what was released', async ({
    at,
  }) => {
    const terms = { kind: 'email', until, actor: 'ada', reason: 'a lawsuit', at: at.harness.clock.now };
    for (const id of ['abcdef-1', 'abcdef-2', 'uvwxyz-3']) await setLegalHold({ id, ...terms }, at.context.control);
    const why = ['--why', 'settled'];
    await expect(at.run('release', 'abcdef', ...why)).rejects.toThrow(
      '2 holds begin like this, give more characters: abcdef-1, abcdef-2',
    );
    await expect(at.run('release', 'uvwxy', ...why)).rejects.toThrow('too short: type at least 6 characters of the id');
    const said = errors();
    const { status, json } = await at.run('release', 'uvwxyz', 'abcdef-1', 'no-such-hold', '--json', ...why);
    expect([status, json]).toEqual([0, { released: ['uvwxyz-3', 'abcdef-1'] }]);
    expect(said.mock.calls).toEqual([['number 3: no hold in effect begins like this']]);
    await expect(at.run('holds', 'abcdef')).rejects.toThrow('holds: takes no arguments');
    await expect(at.run('hold', 'crm-1', ...decided)).rejects.toThrow('hold: takes options only');
  });
});
