import { describe, expect, vi } from 'vitest';
import { OpsUsageError, parseCommandArgs, shortId } from '../../infra/ops/args.ts';
import { findCommand } from '../../infra/ops/find.ts';
import { listCommand } from '../../infra/ops/list.ts';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import { nextRevision, type Receipt } from '../../lambda/receipts/receipt.ts';
import { fixtureTime } from '../support/harness.ts';
import { account, addPerson, tenant } from '../support/ketch.ts';
import { hour, minute } from '../support/quota-world.ts';
import { kept, receiptOf } from '../support/receipt-builders.ts';
import {
  byEmail,
  erased,
  errors,
  type OpsHarness,
  opsHarness,
  recordingOutput,
  run,
  stopped,
  test,
} from './ops-harness.ts';

const day = 24 * hour;
const cells = (lines: readonly string[]) => lines.map(line => line.split(/ {2,}/));

/** Open receipts that were received one day after the other. */
async function open(at: OpsHarness, count: number, platform = 'generic'): Promise<void> {
  for (let one = 0; one < count; one += 1) {
    const submittedAt = fixtureTime - (one + 1) * day;
    const facts = { id: `${platform}-${one}`, platform, receivedAt: submittedAt, submittedAt, nextAttemptAt: one };
    await at.harness.services.store.accept(receiptOf({ ...facts, subjectHmacs: [] }), kept);
  }
}

describe('find', () => {
  const never = 'not found: no erasure request with this identifier in the last 25 months';

  test('erased person: says when, and with what proof', async ({ at }) => {
    addPerson(at.harness, 'crm-1');
    const id = await at.request([account('crm-1'), byEmail('Zoe@example.com')]);
    await at.sweep();
    const answer = 'erased 1 time, last on 2026-01-15T12:00:00Z';
    const [receivedAt, closedAt] = ['2026-01-15T12:00:00Z', '2026-01-15T12:00:00Z'];
    for (const args of [
      ['--source-id', 'crm-1'],
      ['--email', ' ZOE@Example.com '],
      ['--email', '\u00a0zoe@EXAMPLE.com\u200b'],
      ['--source-id', 'crm-1', '--email', 'unknown@example.com'],
    ]) {
      const { status, lines } = await at.run('find', ...args);
      expect([status, lines[0]]).toEqual([0, answer]);
      expect(cells(lines.slice(1, 3))).toEqual([
        ['RECEIPT', 'PLATFORM', 'RECEIVED', 'OUTCOME', 'CLOSED', 'PROOF', 'SIGNED'],
        [id, 'ketch', receivedAt, 'erased', closedAt, 'deleted 1', 'yes'],
      ]);
    }
    const times = { receivedAt, outcome: 'erased', closedAt };
    const receipt = { receipt: id, platform: 'ketch', ...times, proof: { deleted: 1, gone: 0 }, signed: true };
    const { json } = await at.run('find', '--source-id', 'crm-1', '--json');
    expect(json).toMatchObject({ answer, receipts: [receipt] });
  });

  test('identifiers: kinds are separate, and only e-mail addresses ignore case', async ({ at }) => {
    await erased(at, 'crm-1');
    const args = ['--customer-id', '--email', '--phone'].map(option => [option, 'crm-1']);
    for (const one of [...args, ['--source-id', 'CRM-1']])
      expect(await at.run('find', ...one)).toMatchObject({ status: 1, lines: [never, expect.anything()] });
    const { json } = await at.run('find', '--email', 'x@example.com', '--json');
    expect(json).toMatchObject({ answer: never, receipts: [] });
  });

  test('identifiers that could not be looked up: are named by their kind, also in JSON', async ({ at }) => {
    const phone = { identitySpace: 'phone', identityFormat: 'raw', identityValue: '+48500600700' };
    const id = await at.request([account('crm-1'), phone]);
    await at.sweep();
    const { lines } = await at.run('find', '--source-id', 'crm-1');
    expect(lines).toContain(`${id}: could not be looked up (a phone number, a hash or a malformed value): phone`);
    const { json } = await at.run('find', '--source-id', 'crm-1', '--json');
    expect(json).toMatchObject({ receipts: [{ receipt: id, notLookedUp: ['phone'] }] });
    expect((await at.run('show', id)).lines.join('\n')).toContain('a malformed value): phone');
  });

  test('customers created after the request: are counted by find, show, evidence and report', async ({ at }) => {
    const created_at = new Date(fixtureTime + 1).toISOString();
    for (const suffix of ['a', 'b'])
      at.harness.sandbox.register({ email: 'new@example.com', source_id: `crm-${suffix}`, created_at }, 'main');
    const id = await at.request([byEmail('new@example.com')]);
    await at.sweep();
    expect(at.harness.deleted()).toEqual([]);
    const { lines } = await at.run('find', '--email', 'new@example.com');
    expect(lines[0]).toBe('requested 1 time, closed as created-later');
    expect(lines).toContain(`${id}: customers created after the request, which were not deleted: at least 2`);
    const { json } = await at.run('find', '--email', 'new@example.com', '--json');
    expect(json).toMatchObject({ receipts: [{ receipt: id, outcome: 'created-later', createdLater: 2 }] });
    expect((await at.run('show', id)).lines.join('\n')).toContain('customers created later: 2');
    const receipt = await at.harness.receipt(id);
    expect(evidenceOf(receipt).projects).toMatchObject({ main: { outcome: 'created-later', createdLater: 2 } });
    const report = await at.run('report', '--from', '2026-01-01', '--to', '2026-01-31', '--json');
    expect(report.json).toMatchObject({ lines: [{ platform: 'ketch', noMatch: 1, createdLater: 1 }, {}] });
  });

  test('several requests: counts those that are open and how the others ended', async ({ at }) => {
    await stopped(at, 'shared@example.com');
    const find = async () => (await at.run('find', '--email', 'shared@example.com')).lines[0];
    expect(await find()).toBe('requested 1 time, not finished');
    await at.request([byEmail('shared@example.com')]);
    expect(await find()).toBe('requested 2 times, not finished');
    await at.run('refuse', (await at.harness.receipts())[0]!.id, '--why', 'a shared mailbox');
    await at.sweep();
    expect(await find()).toBe('requested 1 time, not finished; requested 1 time, closed as refused');
    addPerson(at.harness, 'crm-2');
    await at.request([account('crm-2')]);
    at.harness.clock.now += minute;
    await at.request([account('crm-2')]);
    const again = await at.run('find', '--source-id', 'crm-2');
    expect(again.lines[0]).toBe('erased 1 time, last on 2026-01-15T12:01:00Z; requested 1 time, closed as no-match');
    expect(again.lines).toHaveLength(5);
  });

  test('other kinds of identifiers: are suggested, as only what was sent can be found', async ({ at }) => {
    await erased(at, 'crm-1');
    const hint = 'Only what the platform sent can be found: also try';
    const hints = async (...args: readonly string[]) => (await at.run('find', ...args, '--json')).json;
    const others = `${hint} --source-id, --customer-id, --phone, --request`;
    expect((await at.run('find', '--email', 'x@example.com')).lines.at(-1)).toBe(others);
    const left = { hints: [`${hint} --email, --customer-id, --request`] };
    expect(await hints('--source-id', 'crm-1', '--phone', '1')).toMatchObject(left);
    const all = ['--email', '--source-id', '--customer-id', '--phone', '--request'];
    expect(await hints(...all.flatMap(option => [option, 'x']))).toMatchObject({ hints: [] });
  });

  test('--request: finds by the id of the platform, in every scope of the settings', async ({ at }) => {
    addPerson(at.harness, 'crm-1');
    const uid = '22880925-aac5-42f9-a653-cb6921d361ff';
    const id = await at.request([account('crm-1')], { uid });
    const hmacs = await at.harness.services.pseudonymizer();
    const generic = receiptOf({ id: hmacs.receipt('osano', '', 'Order.7'), platform: 'osano', subjectHmacs: [] });
    await at.harness.services.store.accept(generic, kept);
    const platforms = {
      ketch: { ...at.context.settings.platforms['ketch']!, tenants: ['another', tenant] },
      osano: { type: 'generic', reference: '/id' },
      combined: { type: 'generic', reference: ['/a', '/b'] },
      shopify: { shops: ['acme.myshopify.com'] },
    };
    const context = { ...at.context, settings: { ...at.context.settings, platforms } };
    const find = async (...args: readonly string[]) => {
      const { status, json } = await run(context, 'find', ...args, '--json');
      const { receipts, hints } = json as { receipts: { receipt: string }[]; hints: string[] };
      return { status, ids: receipts.map(({ receipt }) => receipt), hint: hints.at(-1) };
    };
    const hint = 'Not searched by the id of a request: combined, shopify';
    for (const text of [uid, uid.toUpperCase(), ` ${uid}\n`])
      expect(await find('--request', text)).toEqual({ status: 0, ids: [id], hint });
    expect(await find('--request', 'Order.7')).toMatchObject({ status: 0, ids: [generic.id] });
    expect(await find('--request', 'order.7')).toMatchObject({ status: 1, ids: [] });
    expect(await find('--request', uid, '--source-id', 'crm-1')).toMatchObject({ ids: [id] });
    const without = (await at.run('find', '--request', 'unknown')).lines;
    expect(without).toEqual([never, expect.stringContaining('also try --email')]);
  });

  test('terminal: the table fits 80 columns; piped, nothing is shortened', async ({ at }) => {
    const id = await erased(at, 'crm-1');
    const hmacs = await at.harness.services.pseudonymizer();
    const subjectHmacs = [hmacs.subject({ kind: 'source_id', value: 'crm-1' })];
    const deletions = Array.from({ length: 24 }, (_, pin) => {
      return { project: 'main', pin, proof: pin % 2 === 0 ? 'gone' : 'deleted', at: fixtureTime } as const;
    });
    const platform = 'a-platform-with-a-long-name';
    const facts = { platform, state: 'not-identifiable', receivedAt: 1, closedAt: 2, subjectHmacs } as const;
    const long = receiptOf({ id: 'long-one', ...facts });
    const projects = { main: { ...long.projects['main']!, deletions } };
    await at.harness.services.store.accept({ ...long, projects }, kept);
    const { output, lines } = recordingOutput(false, 80);
    const typed = parseCommandArgs(findCommand, ['--source-id', 'crm-1']);
    expect(await findCommand.run(typed, at.context, output)).toBe(0);
    const table = lines.slice(1, 4).join('\n').split('\n');
    expect(table.filter(line => line.length > 80)).toEqual([]);
    expect(cells(table)).toContainEqual([id.slice(0, 8), 'ketch', '2026-01-15', 'erased', '2026-01-15', 'deleted 1']);
    expect(table.join('\n')).toContain('long-one  a-platform-with…  1970-01-01  not-identifiable  1970-01-01');
    expect((await at.run('find', '--source-id', 'crm-1')).lines.join('\n')).toContain(`long-one`.padEnd(45) + platform);
  });

  test('expired receipt: is skipped', async ({ at }) => {
    const id = await erased(at, 'crm-1');
    const read = async (one: string) => (one === id ? undefined : at.context.store.read(one));
    const store = { ...at.context.store, read };
    const found = await run({ ...at.context, store }, 'find', '--source-id', 'crm-1');
    expect(found).toMatchObject({ status: 1, lines: [never, expect.anything()] });
  });

  test('process: reads the value from standard input', async ({ at }) => {
    await erased(at, ' crm-1');
    const found = at.process(['find', '--source-id', '-'], ' crm-1\r\nanother line\n');
    expect(found).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^erased 1 time, last on/) });
    const empty = { status: 2, stdout: '', stderr: '--source-id: is empty\n' };
    expect(at.process(['find', '--source-id', '-'])).toEqual(empty);
  });

  test.each([
    [[], 'find: give an identifier, such as --email -'],
    [['ada@example.com'], 'find: takes options only'],
    [['--email', ' '], '--email: is empty'],
    [['--email', '-', '--source-id', '-'], 'find: only one value can be read from standard input'],
  ])('%j: %s', async (args, message) => {
    await expect((await opsHarness()).run('find', ...args)).rejects.toThrow(message);
  });

  test('unusable pepper: is an error and not an empty result', async ({ at }) => {
    const found = run({ ...at.context, readSecret: async () => 'short' }, 'find', '--email', 'x@example.com');
    await expect(found).rejects.toMatchObject({ alarm: 'pepper-unusable' });
  });
});

describe('list', () => {
  async function rows(at: OpsHarness, ...args: readonly string[]) {
    const { status, json } = await at.run('list', ...args, '--json');
    expect(status).toBe(0);
    return json as readonly { readonly receipt: string; readonly state: string }[];
  }

  test('nothing to do: says so', async ({ at }) => {
    await erased(at);
    expect(await at.run('list')).toMatchObject({ status: 0, lines: ['no unfinished receipts'] });
    expect(await rows(at)).toEqual([]);
  });

  test('nothing in a state: names the states in which there are receipts', async ({ at }) => {
    await stopped(at);
    await open(at, 2);
    expect((await at.run('list', '--state', 'held')).lines).toEqual([
      'no receipt in state held (1 needs-review: --state needs-review, 2 open: --state open)',
    ]);
    expect((await at.run('list', '--state', 'held', '--platform', 'ketch')).lines).toEqual([
      'no receipt in state held (1 needs-review: --state needs-review)',
    ]);
    expect((await at.run('list', '--state', 'held', '--platform', 'manual')).lines).toEqual(['no unfinished receipts']);
  });

  test('--platform that is not in the settings: is remarked, or is a usage error', async ({ at }) => {
    await open(at, 2);
    const said = errors();
    expect((await at.run('list', '--platform', 'generic')).lines).toHaveLength(3);
    expect((await at.run('list', '--platform', 'generic', '--state', 'held')).lines[0]).toContain('2 open');
    expect(said.mock.calls).toEqual(Array(2).fill(['--platform: is not in the settings any more']));
    const message = '--platform: must be ketch, manual; did you mean ketch?';
    await expect(at.run('list', '--platform', 'ketsh')).rejects.toThrow(message);
    await expect(at.run('list', '--platform', 'ketsh', '--json')).rejects.toThrow(message);
    await expect(at.run('list', '--closed', '--platform', 'ketsh')).rejects.toThrow(message);
  });

  test('order: reviews first, then by due time; --state and --platform select', async ({ at }) => {
    addPerson(at.harness, 'crm-1');
    at.harness.sandbox.outage('error');
    const waiting = await at.request([account('crm-1')]);
    at.harness.sandbox.outage(undefined);
    const human = await stopped(at);
    const unsigned = await at.request([account('crm-unknown')]);
    await open(at, 2);
    const facts = { id: 'not-notified', platform: 'generic', subjectHmacs: [], submittedAt: fixtureTime - 2.5 * day };
    await at.harness.services.store.accept(receiptOf(facts), kept);
    const closed = { state: 'erased', queue: 'callback', closedAt: fixtureTime, nextAttemptAt: fixtureTime } as const;
    await at.context.store.replace(nextRevision(receiptOf(facts), closed));
    const all = await rows(at);
    expect(all.map(({ receipt, state }) => [receipt, state])).toEqual([
      [human, 'needs-review'],
      ['not-notified', 'callback'],
      ['generic-1', 'open'],
      ['generic-0', 'open'],
      [waiting, 'open'],
      [unsigned, 'sign'],
    ]);
    for (const state of ['needs-review', 'open', 'callback', 'sign']) {
      expect(await rows(at, '--state', state)).toEqual(all.filter(row => row.state === state));
    }
    const generic = all.filter(({ receipt }) => /generic|not-notified/.test(receipt));
    expect(await rows(at, '--platform', 'generic')).toEqual(generic);
  });

  test('table: shows why, the age, the used time and the next attempt', async ({ at }) => {
    const human = await stopped(at);
    await open(at, 1);
    at.harness.clock.now += 90 * minute;
    expect(cells((await at.run('list')).lines)).toEqual([
      ['RECEIPT', 'PLATFORM', 'STATE', 'WHY', 'AGE', 'DEADLINE', 'NEXT ATTEMPT'],
      [human, 'ketch', 'needs-review', 'too-many-matches', '1 h 30 min', '0 %', 'after a decision'],
      ['generic-0', 'generic', 'open', 'not-tried-yet', '1 d 1 h', '3 %', '1970-01-01T00:00:00Z'],
    ]);
    await at.run('refuse', human, '--why', 'a drill');
    expect((await at.run('list')).lines.join('\n')).toContain('to-be-refused');
  });

  test('pause and delay: are why a receipt waits', async () => {
    const at = await opsHarness({ limits: { delaySeconds: 3600 } });
    const delayed = await at.request([account('crm-1')]);
    expect(await rows(at)).toMatchObject([{ receipt: delayed, why: 'delayed' }]);
    await at.run('pause', 'platform:ketch', '--by', 'zoe', '--why', 'a drill');
    expect(await rows(at)).toMatchObject([{ receipt: delayed, why: 'paused' }]);
    expect(cells((await at.run('list')).lines)[1]?.slice(3)).toEqual(['paused', '0 min', '0 %', 'after a resume']);
    await at.run('refuse', delayed, '--by', 'zoe', '--why', 'a drill');
    expect(await rows(at)).toMatchObject([{ receipt: delayed, why: 'to-be-refused' }]);
  });

  test('terminal: the table fits 80 columns, with ids that can be used', async ({ at }) => {
    const human = await stopped(at);
    await open(at, 1);
    at.harness.clock.now += 90 * minute;
    const { output, lines } = recordingOutput(false, 80);
    expect(await listCommand.run(parseCommandArgs(listCommand, []), at.context, output)).toBe(0);
    expect(cells(lines)).toEqual([
      ['RECEIPT', 'PLATFORM', 'STATE', 'AGE', 'USED', 'NEXT', 'WHY'],
      [human.slice(0, 8), 'ketch', 'needs-review', '1 h', '0 %', 'decision', 'too-many-matches'],
      ['generic-', 'generic', 'open', '1 d', '3 %', '0 min', 'not-tried-yet'],
    ]);
    expect(lines.flatMap(line => line.split('\n')).filter(line => line.length > 80)).toEqual([]);
  });

  test('colours: mark receipts after their deadline', async ({ at }) => {
    await open(at, 32);
    vi.stubEnv('FORCE_COLOR', '1');
    vi.stubEnv('NO_COLOR', undefined);
    const { lines } = await at.run('list');
    const red = lines.filter(line => line.includes('\u001b[31m'));
    // The month is over for the two that came more than thirty days ago.
    expect(red.map(line => /generic-\d+/.exec(line)?.[0])).toEqual(['generic-31', 'generic-30']);
  });

  test('--limit: says that there are more', async ({ at }) => {
    await open(at, 3);
    expect((await at.run('list', '--limit', '3')).lines).toHaveLength(4);
    const { lines } = await at.run('list', '--limit', '2');
    expect(lines.length).toBe(4);
    expect(lines.at(-1)).toContain('more receipts exist');
    const said = errors();
    expect(await rows(at, '--limit', '2')).toHaveLength(2);
    expect(said).toHaveBeenCalledWith(expect.stringContaining('more receipts exist'));
  });

  test('--platform: finds one receipt among many of another platform', async ({ at }) => {
    await open(at, 60);
    await open(at, 1, 'segment');
    expect(await rows(at, '--platform', 'segment', '--limit', '5')).toMatchObject([{ receipt: 'segment-0' }]);
  });

  test.each([
    [['--state', 'late'], '--state: must be needs-review, held, open, callback, verify, sign'],
    [['--state', 'constructor'], '--state: must be'],
    [['--limit', '0'], '--limit: must be a whole number from 1 to 1000'],
    [['all'], 'list: takes options only'],
  ])('%j: %s', async (args, message) => {
    await expect((await opsHarness()).run('list', ...args)).rejects.toThrow(message);
  });
});

describe('list --closed', () => {
  /** Receipts that were closed at these times. */
  const closedAt = (...times: readonly string[]) =>
    async function* (unreadable: () => void) {
      unreadable();
      for (const [one, iso] of times.entries()) {
        const facts = { id: `${one}-${'x'.repeat(41)}`, platform: one % 2 === 0 ? 'ketch' : 'segment' };
        yield closedReceipt({ ...receiptOf(facts), receivedAt: Date.parse(iso) }, Date.parse(iso));
        yield receiptOf({ id: `open-${one}` });
      }
    };
  const closedReceipt = (receipt: Receipt, at: number): Receipt => ({ ...receipt, state: 'erased', closedAt: at });
  const times = ['2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00Z', '2026-01-31T23:59:59.999Z', '2026-02-01T00:00Z'];

  async function listed(...args: readonly string[]) {
    const said = errors();
    const at = await opsHarness();
    const { status, json, lines } = await run({ ...at.context, all: closedAt(...times) }, 'list', '--closed', ...args);
    const ids = Array.isArray(json) ? json.map(({ receipt }: { receipt: string }) => Number(receipt.slice(0, 1))) : [];
    return { status, ids, lines, said: said.mock.calls.flat() };
  }

  test('period: whole days in UTC, the first and the last included; the last closed first', async () => {
    const ids = async (...args: readonly string[]) => (await listed(...args, '--json')).ids;
    expect(await ids()).toEqual([3, 2, 1, 0]);
    expect(await ids('--from', '2026-01-01', '--to', '2026-01-31')).toEqual([2, 1]);
    expect(await ids('--from', '2026-02-01')).toEqual([3]);
    expect(await ids('--to', '2025-12-31')).toEqual([0]);
    expect(await ids('--year', '2026')).toEqual([3, 2, 1]);
    expect(await ids('--year', '2026', '--platform', 'segment')).toEqual([3, 1]);
    expect(await ids('--limit', '2')).toEqual([3, 2]);
    expect(await ids('--limit', '3', '--to', '2026-01-31')).toEqual([2, 1, 0]);
  });

  test('text: says which period, how many, and what could not be read', async () => {
    const { status, lines, said } = await listed('--from', '2026-01-01', '--to', '2026-01-31', '--limit', '1');
    expect(status).toBe(1);
    expect(cells(lines)).toEqual([
      ['RECEIPT', 'PLATFORM', 'OUTCOME', 'RECEIVED', 'CLOSED', 'SIGNED'],
      [`2-${'x'.repeat(41)}`, 'ketch', 'erased', '2026-01-31T23:59:59Z', '2026-01-31T23:59:59Z', 'no'],
      ['closed from 2026-01-01T00:00:00Z until before 2026-02-01T00:00:00Z: 2 receipts; the last 1 are shown'],
    ]);
    expect(said).toEqual(['not listed: 1 receipt written by an unknown version']);
    expect((await listed('--year', '2024')).lines).toEqual([
      'closed from 2024-01-01T00:00:00Z until before 2025-01-01T00:00:00Z: 0 receipts',
    ]);
  });

  test('terminal: the table fits 80 columns', async () => {
    errors();
    const at = await opsHarness();
    const platform = 'a-platform-with-a-long-name';
    const facts = { platform, state: 'not-identifiable', closedAt: fixtureTime } as const;
    const all = async function* () {
      yield receiptOf({ ...facts, id: 'a'.repeat(43) });
      yield receiptOf({ ...facts, id: 'b'.repeat(43) });
    };
    const { output, lines } = recordingOutput(false, 80);
    const typed = parseCommandArgs(listCommand, ['--closed']);
    expect(await listCommand.run(typed, { ...at.context, all }, output)).toBe(0);
    expect(cells(lines)[1]?.slice(0, 3)).toEqual(['aaaaaaaa', 'a-platform-with…', 'not-identifiable']);
    expect(lines.filter(line => line.length > 80)).toEqual([]);
  });

  test('--csv: every receipt, unordered, while it is read', async () => {
    errors();
    const at = await opsHarness();
    const { output, lines } = recordingOutput();
    const printed: number[] = [];
    const all = async function* () {
      for (let one = 0; one < 1200; one += 1) {
        printed.push(lines.length);
        yield closedReceipt(receiptOf({ id: `-${one}` }), fixtureTime);
      }
    };
    const typed = parseCommandArgs(listCommand, ['--closed', '--csv']);
    expect(await listCommand.run(typed, { ...at.context, all }, output)).toBe(0);
    expect(lines).toHaveLength(1201);
    expect(lines.slice(0, 2)).toEqual([
      'receipt,platform,received_at,closed_at,outcome,days,deleted,gone,signed\r',
      expect.stringMatching(/^'-0,generic,2026-11-24T12:00:00Z,2026-01-15T12:00:00Z,erased,-[\d.]+,0,0,no\r$/),
    ]);
    // Nothing is kept until the end.
    expect(printed).toEqual(Array.from({ length: 1200 }, (_, one) => one + 1));
  });

  test('real store: lists what the service closed, and not what is open', async ({ at }) => {
    const id = await erased(at, 'crm-1');
    await stopped(at);
    const { status, json } = await at.run('list', '--closed', '--year', '2026', '--json');
    expect([status, json]).toMatchObject([0, [{ receipt: id, platform: 'ketch', outcome: 'erased', signed: true }]]);
  });

  test.each([
    [['--closed', '--state', 'open'], '--closed: not together with --state'],
    [['--closed', '--csv', '--limit', '5'], '--csv: lists every receipt, not together with --limit or --json'],
    [['--closed', '--csv', '--json'], '--csv: lists every receipt'],
    [['--from', '2026-01-01'], '--from: only together with --closed'],
    [['--csv'], '--csv: only together with --closed'],
  ])('%j: %s', async (args, message) => {
    errors();
    await expect((await opsHarness()).run('list', ...args)).rejects.toThrow(message);
  });
});

describe('shortened receipt ids', () => {
  test('unique beginning: shows and decides, also of a finished receipt', async ({ at }) => {
    const [review, done] = [await stopped(at), await erased(at)];
    expect((await at.run('show', review.slice(0, 8))).lines[0]).toBe(`receipt ${review}`);
    expect((await at.run('show', done.slice(0, 8))).lines[0]).toBe(`receipt ${done}`);
    const { status, lines } = await at.run('refuse', review.slice(0, 6), '--why', 'a drill');
    expect([status, lines]).toEqual([0, [`${review}: the next sweep closes it as refused`]]);
  });

  test.each(['retry', 'refuse', 'accept-partial'])('closed receipt: %s finds it as with its id', async command => {
    const at = await opsHarness();
    const id = await erased(at);
    const { status, lines } = await at.run(command, id, '--why', 'a drill');
    expect(lines[0]).toContain(`${id}: `);
    expect(await at.run(command, id.slice(0, 8), '--why', 'a drill')).toMatchObject({ status, lines });
  });

  test('closed receipt: preview finds it', async ({ at }) => {
    const said = errors();
    expect((await at.run('preview', (await erased(at)).slice(0, 8))).status).toBe(1);
    expect(said).toHaveBeenCalledWith('not delayed by delaySeconds: there is nothing to preview');
  });

  test('ambiguous beginning: changes nothing, and lists the receipts', async ({ at }) => {
    await open(at, 2);
    const several = '2 receipts begin like this, give more characters: generic-0, generic-1';
    await expect(at.run('show', 'generic')).rejects.toThrow(several);
    await expect(at.run('preview', 'generic')).rejects.toThrow(several);
    const { status, lines } = await at.run('retry', 'generic', '--why', 'x');
    expect([status, lines]).toEqual([1, [several]]);
  });

  test('ambiguous beginning of many: lists ten of them', async ({ at }) => {
    await open(at, 12);
    const ten = /^12 receipts begin .*: (generic-\d+(, | and 2 more$)){10}/;
    await expect(at.run('show', 'generic')).rejects.toThrow(ten);
  });

  test('too short beginning: says how many characters are needed', async ({ at }) => {
    await open(at, 1);
    const tooShort = 'too short: type at least 6 characters of the id';
    await expect(at.run('show', 'gener')).rejects.toThrow(tooShort);
    await expect(at.run('preview', 'gener')).rejects.toThrow(tooShort);
    const { status, lines } = await at.run('retry', 'gener', '--why', 'x');
    expect([status, lines]).toEqual([1, [tooShort]]);
  });

  test('only argument: has no number, and is not repeated: it could identify a person', async ({ at }) => {
    for (const text of ['abcdefgh', 'ada@example.com'])
      expect((await at.run('retry', text, '--why', 'x')).lines).toEqual(['receipt not found']);
  });

  test('shortest id: is as long as it must be to be unique', () => {
    expect(shortId('abcdefghij', [])).toBe('abcdefgh');
    expect(shortId('abcdefghij', ['abcdefghij', 'abcdefghik'])).toBe('abcdefghij');
    expect(shortId('--cdefghij', [])).toBe('--cdefghij');
  });
});

function thrownBy(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}

describe('arguments', () => {
  const command = { options: { why: { type: 'string' } } } as const;

  test.each([`-${'a'.repeat(42)}`, `--${'b'.repeat(41)}`, `-_${'7'.repeat(41)}`, '-aaaaa', '-_7777aaaa'])(
    'receipt id %s: is not an option',
    id => {
      const typed = parseCommandArgs(command, ['first', id, '--why', 'x', id, '--json']);
      expect(typed.positionals).toEqual(['first', id, id]);
      expect([typed.text('why'), typed.isSet('json')]).toEqual(['x', true]);
      expect(parseCommandArgs(command, ['--', id]).positionals).toEqual([id]);
      expect(parseCommandArgs(command, ['--why', id]).text('why')).toBe(id);
    },
  );

  test('every other dash: is an option', () => {
    expect(parseCommandArgs(command, ['-']).positionals).toEqual(['-']);
    expect(parseCommandArgs(command, ['--', '--why']).positionals).toEqual(['--why']);
    expect(parseCommandArgs(command, ['--why=-x']).text('why')).toBe('-x');
  });

  test.each([
    [['-aaaa'], 'unknown option -a: --help lists the options of this command'],
    [['--whyy', 'x'], 'unknown option --whyy; did you mean --why?'],
    [['--whyy=planted'], 'unknown option --whyy; did you mean --why?'],
    [['--jsno'], 'unknown option --jsno; did you mean --json?'],
    [['--xyz', 'x'], 'unknown option --xyz: --help lists the options of this command'],
    [['--planted@example.com'], 'unknown option: --help lists the options of this command'],
    [['--why'], '--why: needs a value'],
    [['--why', '--json'], '--why: needs a value'],
    [['--json=planted'], '--json: takes no value'],
  ])('%j: %s', (args, message) => {
    const error = thrownBy(() => parseCommandArgs(command, args));
    expect(error).toEqual(new OpsUsageError(message));
  });
});
