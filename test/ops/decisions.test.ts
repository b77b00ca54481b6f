import { describe, expect } from 'vitest';
import { pause } from '../../lambda/control/pauses.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { account, addPerson } from '../support/ketch.ts';
import { ketch as ketchSettings } from './check-harness.ts';
import { by, erased, type OpsHarness, opsHarness, readReceipt, run, stopped, test } from './ops-harness.ts';

const retried = 'retried by the next sweep; it needs another review unless fewer customers match (see --max)';

/** A receipt that an outage left open. */
async function leftOpen(at: OpsHarness): Promise<string> {
  at.harness.sandbox.outage('error');
  addPerson(at.harness, 'crm-1');
  const id = await at.request([account('crm-1')]);
  at.harness.sandbox.outage(undefined);
  return id;
}

describe('decision of an operator', () => {
  test('receipt: records who, when, why and about what, as one revision', async ({ at }) => {
    const id = await stopped(at);
    const before = await readReceipt(at, id);
    at.harness.clock.now += 1000;
    const decided = await at.run('retry', id, ...by('zoe', 'fixed'));
    expect(decided).toMatchObject({ status: 0, lines: [`${id}: ${retried}`] });
    const after = await readReceipt(at, id);
    expect(after.revision).toBe(before.revision + 1);
    const decision = { action: 'retry', actor: 'zoe', reason: 'fixed', reviewReason: 'too-many-matches' };
    expect(after.decisions).toEqual([{ ...decision, at: at.harness.clock.now }]);
  });

  test.each(['retry', 'refuse', 'accept-partial'])('%s: needs a receipt, a reason and a name', async command => {
    const at = await opsHarness();
    const id = await stopped(at);
    const before = await readReceipt(at, id);
    await expect(at.run(command, id)).rejects.toThrow('--why: must be the reason for the decision');
    await expect(at.run(command, id, ...by('zoe', ' '))).rejects.toThrow('--why: must be the reason for the decision');
    await expect(at.run(command, id, ...by('', 'x'))).rejects.toThrow('--by: must be the name of the operator');
    await expect(at.run(command, ...by('zoe', 'x'))).rejects.toThrow(`${command}: give receipt ids`);
    expect(await readReceipt(at, id)).toEqual(before);
  });

  test('retry under a pause: says that it waits for the end of the pause', async ({ at }) => {
    const id = await leftOpen(at);
    await at.run('pause', 'all', ...by('zoe', 'a drill'));
    expect((await at.run('retry', id, ...by('zoe', 'fixed'))).lines).toEqual([
      `${id}: retried later: stopped by the pause of all: nothing is deleted until it is resumed`,
    ]);
  });

  test('two operators at once: both decisions are kept, and the later one counts', async ({ at }) => {
    const id = await stopped(at);
    const both = [at.run('retry', id, ...by('zoe', 'fixed')), at.run('refuse', id, ...by('max', 'shared mailbox'))];
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([0, 0]);
    const { decisions, state } = await readReceipt(at, id);
    expect(decisions?.map(decision => decision.actor).toSorted()).toEqual(['max', 'zoe']);
    await at.sweep();
    const last = decisions?.at(-1)?.action;
    const end = last === 'refuse' ? 'refused' : 'needs-review';
    expect([state, (await readReceipt(at, id)).state]).toEqual(['open', end]);
  });

  test('receipt that changed since it was read: is read and decided again', async ({ at }) => {
    const id = await stopped(at);
    const { store } = at.context;
    let first = true;
    const read = async (one: string) => {
      const receipt = await store.read(one);
      // Between the first reading and the writing another operator refuses it, and the sweep closes it.
      if (first) {
        first = false;
        await at.run('refuse', id, ...by('max', 'shared mailbox'));
        await at.sweep();
      }
      return receipt;
    };
    const late = await run({ ...at.context, store: { ...store, read } }, 'refuse', id, ...by('zoe', 'too late'));
    expect(late).toMatchObject({ status: 3, lines: [`${id}: already refused`] });
    expect((await readReceipt(at, id)).decisions?.map(decision => decision.actor)).toEqual(['max']);
  });

  test('several receipts: one line each, by number if a receipt does not exist, and exit code 1', async ({ at }) => {
    const [one, other] = [await stopped(at), await erased(at)];
    const mixed = await at.run('retry', one, 'ada@example.com', other, one, ...by('zoe', 'fixed'));
    expect(mixed).toMatchObject({
      status: 1,
      lines: [`${one}: ${retried}`, 'number 2: receipt not found', `${other}: already closed as erased: nothing to do`],
    });
    expect(mixed.progress).toContain('2 of 3');
    expect((await readReceipt(at, one)).decisions, 'named twice, decided once').toHaveLength(1);
  });

  test('--json: prints the results in the same order', async ({ at }) => {
    const id = await stopped(at);
    expect((await at.run('refuse', id, 'unknown', ...by('zoe', 'fixed'), '--json')).json).toEqual([
      { receipt: id, result: 'changed', said: 'the next sweep closes it as refused' },
      { receipt: 'number 2', result: 'not-found', said: 'receipt not found' },
    ]);
  });

  test('receipt that cannot be written: is reported, and the others are decided', async ({ at }) => {
    const [one, other] = [await stopped(at), await stopped(at, 'other@example.com')];
    const { store } = at.context;
    const replace: typeof store.replace = async next => next.id !== one && store.replace(next);
    const decided = await run({ ...at.context, store: { ...store, replace } }, 'retry', one, other, ...by('zoe', 'x'));
    expect(decided).toMatchObject({
      status: 1,
      lines: ['number 1: not changed: the receipt cannot be written', `${other}: ${retried}`],
    });
  });

  test('process: reads receipts from standard input', async ({ at }) => {
    const ids = [await stopped(at), await stopped(at, 'other@example.com')];
    const args = ['retry', '-', ...by('zoe', 'fixed')];
    const stdout = ids.map(id => `${id}: ${retried}\n`).join('');
    expect(at.process(args, `${ids.join('\r\n')}\n\n`)).toEqual({ status: 0, stdout, stderr: '' });
    const stderr = 'retry: give receipt ids, or - for standard input\n';
    expect(at.process(args)).toMatchObject({ status: 2, stderr });
  });
});

describe('refuse', () => {
  test('next sweep: closes the receipt, signs the reason and calls the platform back', async ({ at }) => {
    const id = await stopped(at);
    const lines = [`${id}: the next sweep closes it as refused`];
    expect(await at.run('refuse', id, ...by('zoe', 'a shared mailbox'))).toMatchObject({ status: 0, lines });
    expect(await readReceipt(at, id)).toMatchObject({ state: 'open' });
    await at.sweep();
    const after = await readReceipt(at, id);
    expect(after).toMatchObject({ state: 'refused', reason: 'too-many-matches', evidence: expect.any(String) });
    const event = { status: 'completed', reason: 'unknown' };
    expect(at.called.map(call => JSON.parse(call.body ?? ''))).toMatchObject([{ event }]);
    expect(at.harness.sandbox.deletions()).toEqual([]);
    expect(await at.context.store.find(after.subjectHmacs[0]!)).toEqual([id]);
  });

  test('retry: takes a refusal back before the sweep, but not after it', async ({ at }) => {
    const [kept, closed] = [await stopped(at), await stopped(at, 'other@example.com')];
    await at.run('refuse', kept, closed, ...by('zoe', 'shared mailbox'));
    const { lines } = await at.run('retry', kept, ...by('max', 'one person after all'));
    expect(lines).toEqual([`${kept}: refusal withdrawn; ${retried}`]);
    await at.sweep();
    expect(await readReceipt(at, kept)).toMatchObject({ state: 'needs-review' });
    const late = { status: 3, lines: [`${closed}: already closed as refused: nothing to do`] };
    expect(await at.run('retry', closed, ...by('max', 'one person after all'))).toMatchObject(late);
  });

  test('erased receipt: cannot be refused', async ({ at }) => {
    const id = await erased(at);
    const refusal = `${id}: not changed: already closed as erased, so it cannot be refused`;
    expect(await at.run('refuse', id, ...by('zoe', 'late'))).toMatchObject({ status: 1, lines: [refusal] });
  });
});

describe('retry', () => {
  test('--max: deletes up to that many customers, and not more', async ({ at }) => {
    const [six, eight] = [await stopped(at, 'six@example.com', 6), await stopped(at, 'eight@example.com', 8)];
    await at.run('retry', six, eight, '--max', '7', ...by('zoe', 'one person, seen by the shop'));
    await at.sweep();
    expect(await readReceipt(at, six)).toMatchObject({ state: 'erased', projects: { main: { pins: 6 } } });
    expect(await readReceipt(at, eight)).toMatchObject({ state: 'needs-review', reason: 'too-many-matches' });
    expect(at.harness.sandbox.deletions()).toHaveLength(6);
  });

  test.each(['0', '51', 'many', '1.5', ''])('--max %j: is a usage error', async max => {
    const refused = (await opsHarness()).run('retry', 'any', `--max=${max}`, ...by('zoe', 'x'));
    await expect(refused).rejects.toThrow('--max: must be a whole number from 1 to 50');
  });

  test('--max: is refused for another reason than too many matches', async ({ at }) => {
    const id = await leftOpen(at);
    const before = await readReceipt(at, id);
    const lines = [`${id}: not changed: --max is only for the reason too-many-matches`];
    expect(await at.run('retry', id, '--max', '7', ...by('zoe', 'x'))).toMatchObject({ status: 1, lines });
    expect(await readReceipt(at, id)).toEqual(before);
  });

  test('--max after a refusal for another reason: says that it is decided already', async ({ at }) => {
    const id = await leftOpen(at);
    await at.run('refuse', id, ...by('zoe', 'shared mailbox'));
    const decided =
      'not changed: it is decided already, and the next sweep closes it: retry without --max withdraws this';
    const again = () => at.run('retry', id, '--max', '7', ...by('zoe', 'x'));
    expect(await again()).toMatchObject({ status: 1, lines: [`${id}: ${decided}`] });
    await at.sweep();
    expect((await again()).lines).toEqual([`${id}: already closed as refused: nothing to do`]);
  });

  test('wrong-customer-deleted: never calls Voucherify again, refused or not', async ({ at }) => {
    const id = await stopped(at);
    const before = await readReceipt(at, id);
    const wrong = { ...before, reason: 'wrong-customer-deleted', revision: before.revision + 1 };
    await at.context.store.replace(wrong);
    const never = { status: 1, lines: [expect.stringContaining('so it deletes nothing more')] };
    expect(await at.run('retry', id, ...by('zoe', 'again'))).toMatchObject(never);
    expect(await readReceipt(at, id)).toEqual(wrong);
    await at.run('refuse', id, ...by('zoe', 'see the incident'));
    expect(await at.run('retry', id, ...by('zoe', 'again'))).toMatchObject(never);
    await at.sweep();
    expect(await readReceipt(at, id)).toMatchObject({ state: 'refused', reason: 'wrong-customer-deleted' });
    expect(at.harness.sandbox.deletions()).toEqual([]);
  });
});

describe('pause and resume', () => {
  const ketch = 'platform:ketch';
  const drill = by('on-call', 'a drill');

  test('scope: is paused and resumed once, and its changes are listed', async ({ at }) => {
    const steps: [command: string[], status: number, line: string][] = [
      [['pause', ketch, ...drill], 0, `${ketch}: paused now`],
      [['pauses'], 0, `${ketch}: paused`],
      [['pause', ketch, ...drill], 3, `${ketch}: was already paused`],
      [['pauses', ketch], 0, `${ketch}: paused`],
      [['resume', ketch, ...drill], 0, `${ketch}: not paused now`],
      [['resume', ketch, ...drill], 3, `${ketch}: was already not paused`],
      [['pauses'], 0, 'nothing is paused'],
    ];
    for (const [[name = '', ...args], status, line] of steps) {
      const ran = await at.run(name, ...args);
      expect([ran.status, ran.lines[0]]).toEqual([status, line]);
    }
    const [state, ...turns] = (await at.run('pauses', ketch)).lines;
    expect(state).toBe(`${ketch}: not paused`);
    const said = turns.map(turn => turn.replace(/^ +\S+Z +/, ''));
    expect(said).toEqual(['pause by on-call: a drill', 'resume by on-call: a drill']);
  });

  test('--json: prints scope, state and changes', async ({ at }) => {
    const scope = 'project:main';
    expect((await at.run('pause', scope, ...drill, '--json')).json).toEqual({ scope, paused: true, changed: true });
    expect((await at.run('pauses', '--json')).json).toEqual({
      paused: [scope],
      pauses: [{ scope, by: 'on-call', why: 'a drill', since: '2026-01-15T12:00:00Z' }],
    });
    const turn = { action: 'pause', actor: 'on-call', reason: 'a drill', at: expect.any(Number) };
    expect((await at.run('pauses', scope, '--json')).json).toEqual({ [scope]: [turn] });
  });

  test('pauses: shows by whom, since when and why, and how it ends', async ({ at }) => {
    await at.run('pause', ketch, ...by('zoe', 'many\n requests'));
    at.harness.clock.now += 90 * 60_000;
    expect((await at.run('pauses')).lines).toEqual([
      `${ketch}: paused`,
      '  by     zoe',
      '  since  2026-01-15T12:00:00Z (1 h 30 min ago)',
      '  why    many  requests',
      '  until  an operator resumes it:',
      `         npm run ops -- resume ${ketch} --why "…"`,
    ]);
  });

  test('resume under another pause: says what still stops the requests', async ({ at }) => {
    for (const scope of ['all', 'project:main', ketch]) await at.run('pause', scope, ...by('zoe', `about ${scope}`));
    const { status, lines } = await at.run('resume', ketch, ...drill);
    expect(status).toBe(0);
    expect(lines.slice(0, 4)).toEqual([
      `${ketch}: not paused now`,
      'requests are still stopped by the pause of all, project:main:',
      'all: paused',
      '  by     zoe',
    ]);
    const again = await at.run('resume', ketch, ...drill, '--json');
    expect(again).toMatchObject({ status: 3, json: { changed: false, stillPausedBy: ['all', 'project:main'] } });
  });

  test('resume of a scope that left the settings: is possible while it is paused', async ({ at }) => {
    const gone = 'platform:segment';
    const resume = () => at.run('resume', gone, ...drill);
    await expect(resume()).rejects.toThrow('SCOPE: is not in the settings, and not paused; nothing is paused');
    await at.run('pause', 'project:main', ...drill);
    await expect(resume()).rejects.toThrow('not paused; paused: project:main');
    await pause(gone, { actor: 'zoe', reason: 'x', at: 1 }, at.context.control);
    expect(await resume()).toMatchObject({ status: 0, lines: expect.arrayContaining([`${gone}: not paused now`]) });
  });

  test('resume while an unrelated pause exists: does not mention it', async () => {
    const platforms = { ketch: { ...ketchSettings, projects: ['main'] }, segment: {} };
    const baseUrl = 'https://api.voucherify.io';
    const projects = { main: { baseUrl }, other: { baseUrl } };
    const settings = parseSettings(JSON.stringify({ projects, platforms }), 'deployed');
    const { context } = await opsHarness();
    const other = { ...context, settings };
    for (const scope of ['platform:segment', 'project:other', ketch]) await run(other, 'pause', scope, ...drill);
    expect((await run(other, 'resume', ketch, ...drill)).lines).toEqual([`${ketch}: not paused now`]);
    expect((await run(other, 'resume', 'platform:segment', ...drill)).lines[1]).toContain('project:other');
  });

  test('without --by: the user of the machine is recorded', async ({ at }) => {
    await at.run('pause', 'all', '--why', 'a drill');
    expect((await at.run('pauses', 'all')).lines[1]).toMatch(/pause by \S+: a drill$/);
  });

  const unknown = 'SCOPE: is not in the settings: must be all, platform:ketch, platform:manual, project:main';
  test.each([
    [['pause', ketch], '--why: must be the reason for the decision'],
    [['pause', 'all', '--why', '…'], '--why: must be the reason for the decision, in words'],
    [['pause', 'all', '--why', '"..."'], '--why: must be the reason for the decision, in words'],
    [['pause', 'platform:', '--why', 'x'], 'SCOPE: must be all, platform:NAME or project:NAME'],
    [['pause', 'all', 'all', '--why', 'x'], 'pause: name one scope'],
    [['pause', 'project:mian', '--why', 'x'], unknown],
    [['pause', 'platform:constructor', '--why', 'x'], unknown],
    [['resume', '--why', 'x'], 'resume: name one scope'],
    [['pauses', 'ketch'], 'SCOPE: must be all, platform:NAME or project:NAME'],
    [['pause', 'all', '--why', 'x'.repeat(501)], '--why: at most 500 characters'],
    [['pause', 'all', '--why', 'x', '--by', ' '], '--by: must be the name of the operator'],
    [
      ['pause', 'all', '--why', 'by ada@example.com'],
      '--why: must not contain an e-mail address, because it is stored for 25 months',
    ],
  ])('%j: %s', async ([name = '', ...args], message) => {
    await expect((await opsHarness()).run(name, ...args)).rejects.toThrow(message);
  });
});
