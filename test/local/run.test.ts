import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type LocalOptions, readLocalOptions, UsageError } from '../../infra/local/options.ts';
import { type LocalRun, startLocalRun } from '../../infra/local/run.ts';
import { readRunFile, writeRunFile } from '../../infra/local/run-file.ts';
import { announcement, readableLine } from '../../infra/local/start-output.ts';
import { listenOnLoopback } from '../e2e/support/listen.ts';
import { expectAnswer, ownFixtures, wireOf } from '../support/conformance.ts';
import { type Answer, jsonOrUndefined, sendOver } from '../support/event.ts';
import { callback, deleteRequest, ketchWire } from '../support/ketch.ts';
import { runToEnd, startLocalProcess, temporaryFolder } from '../support/local-process.ts';

/** A local run in this process, over the clock of the dated requests; closed when the test is over. */
async function runWith(options: Partial<LocalOptions> = {}): Promise<LocalRun & { lines: string[] }> {
  const lines: string[] = [];
  const variables = { PORT: '0', DATA_DIR: ':memory:', CLOCK: '2026-01-15T12:00:00Z' };
  const given = { ...readLocalOptions(variables), log: (line: string) => lines.push(line), ...options };
  // As long as the local gateway allows: what is answered here must not depend on how busy the machine is.
  const settings = { ...given.settings, limits: { ...given.settings.limits, answerBudgetMs: 14_000 } };
  const run = await startLocalRun({ ...given, settings });
  onTestFinished(() => run.close());
  return { ...run, lines };
}

async function request(run: LocalRun): Promise<Answer> {
  const text = await run.services.readSecret('erasure/platform/ketch');
  const { current } = jsonOrUndefined(text) as { current: string };
  return sendOver(run.url, ketchWire(deleteRequest({ callbacks: [callback] }), { Authorization: current }));
}

/** A port on which another server listens. */
async function usedPort(): Promise<number> {
  const other = createServer();
  onTestFinished(() => void other.close());
  return listenOnLoopback(other);
}

const outage = (sandboxUrl: string, mode: string | null) =>
  sendOver(sandboxUrl, { path: '/sandbox/outage', headers: {}, body: JSON.stringify({ mode }) });

describe('local run', () => {
  test('requests: are served by the handlers of Lambda, with embedded secrets and a sandbox', async () => {
    const run = await runWith();
    expect(await request(run)).toMatchObject({ status: 200, json: { response: { reason: 'executed' } } });
    expect(run.lines.map(line => (jsonOrUndefined(line) as { event: string }).event)).toEqual(['accepted', 'closed']);
    expect(await sendOver(run.url, ketchWire())).toMatchObject({ status: 403 });
  });

  test('sandbox: sends its signed webhook, and a customer who comes back after an erasure is noticed', async () => {
    const { settings } = readLocalOptions({});
    const run = await runWith({ sweepMs: 50, settings: { ...settings, reappearance: { quietHours: 24 } } });
    expect(await request(run)).toMatchObject({ status: 200, json: { response: { reason: 'executed' } } });
    const body = JSON.stringify({ source_id: 'crm-10042', name: 'Ada Example' });
    expect((await sendOver(run.sandboxUrl!, { path: '/sandbox/customers', headers: {}, body })).status).toBe(200);
    await expect.poll(() => run.lines.join()).toContain('"alarm":"erased-person-reappeared"');
    expect((await sendOver(run.url, { path: '/events/main', headers: {}, body })).status).toBe(401);
  });

  test('sweep: completes what an outage left open', async () => {
    const { settings } = readLocalOptions({});
    const main = { ...settings.projects['main']!, callsPerMinute: 1_000_000, quotaShare: 1 };
    const run = await runWith({ sweepMs: 50, backoffMs: 50, settings: { ...settings, projects: { main } } });
    await outage(run.sandboxUrl!, 'down');
    expect(await request(run)).toMatchObject({ json: { response: { status: 'in_progress' } } });
    await outage(run.sandboxUrl!, null);
    await expect.poll(() => request(run)).toMatchObject({ json: { response: { reason: 'executed' } } });
  });

  test('sweep: continues after a sweep that failed', async () => {
    const run = await runWith({ sweepMs: 20 });
    const { now } = run.services;
    const fail = () => {
      throw new Error('lost');
    };
    Object.assign(run.services, { now: fail });
    await expect.poll(() => run.lines.at(-1)).toContain('"event":"sweep","code":"unavailable"');
    Object.assign(run.services, { now });
    await expect.poll(() => run.lines.at(-1)).toContain('"event":"sweep","claimed":0');
  });

  test('port in use: the error names each taken one and a command that works, and leaves the files free', async () => {
    const [port, sandboxPort] = [await usedPort(), await usedPort()];
    const data = join(temporaryFolder(), 'data');
    const problemOf = (ports: Partial<LocalOptions>) => runWith({ data, ...ports }).then(String, String);
    const says = /(\S+ in use): (npm start -- PORT=(\d+) SANDBOX_PORT=(\d+))$/;
    const both = await problemOf({ port, sandboxPort });
    expect(both).toContain(`ports ${port} and ${sandboxPort} are in use: npm start -- PORT=`);
    expect(await problemOf({ port })).toContain(`port ${port} is in use: npm start -- PORT=`);
    expect(await problemOf({ sandboxPort })).toContain(`port ${sandboxPort} is in use: npm start -- PORT=`);
    const [, , , free, freeOfSandbox] = says.exec(both) ?? [];
    await (await runWith({ data, port: Number(free), sandboxPort: Number(freeOfSandbox) })).close();
    expect((await request(await runWith({ data }))).status).toBe(200);
  });

  test('port in use, and the next one is the sandbox’s: PORT alone is enough', async () => {
    const port = await usedPort();
    const found = await runWith({ port, sandboxPort: port + 1 }).then(String, String);
    expect(found).toMatch(/in use: npm start -- PORT=\d+$/);
    const { port: free, sandboxPort } = readLocalOptions({ PORT: /PORT=(\d+)$/.exec(found)?.[1] });
    await (await runWith({ port: free, sandboxPort })).close();
  });

  test('folder in use: a second run is refused, and the folder is free when the first one ends or is killed', async () => {
    const data = join(temporaryFolder(), 'data');
    const first = await runWith({ data });
    const problem = `DATA_DIR: npm start is already running in ${data} at ${first.url}: stop it, or set DATA_DIR to another folder`;
    await expect(runWith({ data })).rejects.toThrow(new UsageError(problem));
    expect((await request(first)).status).toBe(200);
    await first.close();
    await (await runWith({ data })).close();
    const killed = await startLocalProcess({ DATA_DIR: data });
    expect(await runToEnd({ DATA_DIR: data, PORT: '0' })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^DATA_DIR: npm start is already running in \S+ at http:\S+: stop it.*\n$/),
    });
    await killed.stop('SIGKILL');
    await (await runWith({ data })).close();
  });

  test('invalid port: passes on the error of Node', async () => {
    await expect(runWith({ port: 70_000 })).rejects.toMatchObject({ code: 'ERR_SOCKET_BAD_PORT' });
  });

  test('DATA_DIR that is no folder: is a usage error', async () => {
    const problem = 'DATA_DIR: the files of the local run cannot be opened in /dev/null';
    await expect(runWith({ data: '/dev/null' })).rejects.toThrow(new UsageError(problem));
  });
});

describe('route for requests by hand of a local run', () => {
  const by = { by: 'zoe', reason: 'a letter' };
  const identifiers = [{ kind: 'source_id', value: 'crm-10042' }];
  const requests = [{ reference: '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11', identifiers }];
  const erase = { manual: { action: 'erase', requests, ...by } };
  const call = (run: LocalRun, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    sendOver(run.url, {
      path: '/local/manual',
      headers: { 'Content-Type': 'application/json', Origin: run.url, ...headers },
      body: JSON.stringify(body),
    });

  test('event: gets to the handler of the function, and only its own key', async () => {
    const run = await runWith();
    const answer = await call(run, { ...erase, httpMethod: 'POST', path: '/webhooks/ketch' });
    expect(answer).toMatchObject({ status: 200, json: { results: [{ outcome: 'erased' }] } });
    expect(await call(run, { manual: 1 })).toMatchObject({ status: 200, json: { failure: { code: 'invalid' } } });
    expect((await call(run, 'no event')).status).toBe(400);
  });

  test('web page of another origin: is refused, and nothing is stored', async () => {
    const run = await runWith();
    const attacks = [
      { Origin: 'http://127.0.0.1:1' },
      { Host: 'rebound.example.com', Origin: 'http://rebound.example.com' },
      { 'Content-Type': 'text/plain' },
      { 'Sec-Fetch-Site': 'cross-site' },
    ];
    for (const headers of attacks) expect([headers, (await call(run, erase, headers)).status]).toEqual([headers, 403]);
    expect((await sendOver(run.url, { method: 'GET', path: '/local/manual', headers: {}, body: '' })).status).toBe(404);
    expect(run.lines.join()).not.toContain('accepted');
  });
});

describe('clock of a local run', () => {
  const hour = 3_600_000;
  const ahead = (now: () => number) => Math.round((now() - Date.now()) / 60_000);
  const moveHour = (run: LocalRun) =>
    sendOver(run.url, {
      path: '/local/time',
      headers: { 'Content-Type': 'application/json', Origin: run.url },
      body: '{"minutes":60}',
    });
  const from = (data: string, variables: Readonly<Record<string, string>> = {}) => {
    const { now } = readLocalOptions({ ...variables, DATA_DIR: data });
    return { data, now };
  };

  test('moved by the page: the folder keeps it, so that a restart and the operator’s tool continue with it', async () => {
    const data = join(temporaryFolder(), 'data');
    const first = await runWith(from(data));
    expect(ahead(from(data).now)).toBe(0);
    expect((await moveHour(first)).status).toBe(200);
    expect(ahead(from(data).now)).toBe(60);
    await first.close();
    const second = await runWith(from(data));
    expect(ahead(second.services.now)).toBe(60);
    await moveHour(second);
    expect(ahead(from(data).now)).toBe(120);
    const lines = announcement(second, data);
    expect(lines.find(line => line.startsWith('  clock'))).toMatch(
      /^ {2}clock {5}20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, which is not the time of this machine$/,
    );
    expect(announcement(await runWith({ now: Date.now }), ':memory:').join()).not.toContain('clock');
  });

  test('CLOCK: wins over the kept clock, and is kept', async () => {
    const data = join(temporaryFolder(), 'data');
    await moveHour(await runWith(from(data)));
    const CLOCK = new Date(Date.now() + 5 * hour).toISOString();
    expect(ahead(from(data, { CLOCK }).now)).toBe(300);
    const other = join(temporaryFolder(), 'data');
    await runWith(from(other, { CLOCK }));
    expect(ahead(from(other).now)).toBe(300);
  });

  test('in memory, on an AWS endpoint, or in an unreadable file: nothing is kept', async () => {
    await moveHour(await runWith(from(':memory:')));
    expect(existsSync(':memory:')).toBe(false);
    expect(ahead(from(':memory:').now)).toBe(0);
    const data = join(temporaryFolder(), 'data');
    await moveHour(await runWith(from(data)));
    expect(ahead(from(data, { AWS_ENDPOINT_URL: 'http://127.0.0.1:1' }).now)).toBe(0);
    for (const text of ['', '{"aheadMs":"x"}', '{"aheadMs":1e300}']) {
      writeFileSync(join(data, 'clock.json'), text);
      expect(ahead(from(data).now)).toBe(0);
    }
  });
});

describe('run.json', () => {
  const urls = { url: 'http://127.0.0.1:1', sandboxUrl: 'http://127.0.0.1:2' };

  test('file: exists in the folder of a run until it ends', () => {
    const folder = join(temporaryFolder(), 'data');
    expect(readRunFile(folder)).toBeUndefined();
    const forget = writeRunFile(folder, urls);
    expect(readRunFile(folder)).toEqual({ ...urls, pid: process.pid, startedAt: expect.stringMatching(/^20\d\d-/) });
    forget();
    expect(existsSync(join(folder, 'run.json'))).toBe(false);
    forget();
    const first = writeRunFile(folder, { url: 'http://127.0.0.1:3' });
    writeRunFile(folder, urls);
    first();
    expect(readRunFile(folder), 'a later run').toMatchObject(urls);
  });

  test('file of a process that died: is ignored', () => {
    const folder = temporaryFolder();
    writeRunFile(folder, urls);
    const file = join(folder, 'run.json');
    const text = readFileSync(file, 'utf8');
    const ofProcess = (pid: number) => writeFileSync(file, text.replace(`"pid":${process.pid}`, `"pid":${pid}`));
    ofProcess(spawnSync(process.execPath, ['--version']).pid);
    expect(readRunFile(folder)).toBeUndefined();
    // Process 1 always runs, and belongs to another user on most machines.
    ofProcess(1);
    expect(readRunFile(folder)).toMatchObject(urls);
  });

  test.each(['', '{"url":"http://127.0.0.1:1","pid":-1,"startedAt":"x"}'])('file with %j: is ignored', text => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'run.json'), text);
    expect(readRunFile(folder)).toBeUndefined();
  });

  test('folder that cannot be written: is no error', () => {
    writeRunFile(':memory:', urls)();
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    chmodSync(file, 0o400);
    writeRunFile(file, urls)();
    expect(existsSync(':memory:')).toBe(false);
  });
});

describe('npm start', () => {
  test('process: answers a fixture of Ketch, keeps its files, logs JSON, and stops on a signal', async () => {
    const full = ownFixtures('ketch').find(({ fixture }) => fixture === 'ketch/own/with-callback')!;
    const folder = temporaryFolder();
    const SETTINGS = join(folder, 'settings.json');
    const ketch = {
      tenants: ['axonic'],
      environments: ['production'],
      identities: full.config['identitySpaces'],
      callbackOrigins: ['https://dsr.ketch.com'],
    };
    const projects = { main: { baseUrl: 'https://api.voucherify.io' } };
    writeFileSync(SETTINGS, JSON.stringify({ projects, platforms: { ketch }, limits: { answerBudgetMs: 14_000 } }));
    const variables = { DATA_DIR: join(folder, 'data'), SETTINGS, CLOCK: full.clock };
    const run = await startLocalProcess(variables);
    const first = await sendOver(run.url, wireOf(full, '/webhooks/ketch'));
    expectAnswer(first, full.responses['deleted']!, 290);
    const { code, signal, stderr } = await run.stop();
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('event');
    const again = await startLocalProcess(variables);
    expect((await sendOver(again.url, wireOf(full, '/webhooks/ketch'))).text).toBe(first.text);
    expect((await again.stop('SIGINT')).code).toBe(0);
  });

  test('start: prints where everything is, in 80 columns', async () => {
    const variables = { DATA_DIR: join(temporaryFolder(), 'data') };
    const run = await startLocalProcess({}, ...Object.entries(variables).map(([name, value]) => `${name}=${value}`));
    const { stdout } = await run.stop();
    expect(stdout).toMatch(/^sandbox Voucherify \S+\n\n {2}page .*\n[\s\S]*\n {2}stop {6}Ctrl\+C\n\nready \S+\n$/);
    const urls = ['/', '/webhooks/ketch', '/webhooks/shopify', '/webhooks/standard-webhooks'].map(
      path => run.url + path,
    );
    for (const part of [...urls, `${run.sandboxUrl}/sandbox/customers`]) expect(stdout).toContain(` ${part}\n`);
    const lines = stdout.replaceAll(variables.DATA_DIR, '.data').split('\n');
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(80);
  });

  test('usage error: is one line and exit code 1, and shows no value of the settings', async () => {
    const file = join(temporaryFolder(), 'settings.json');
    writeFileSync(file, JSON.stringify({ projects: { main: { baseUrl: 'https://kqzvwxjy.example' } }, platforms: {} }));
    const problem =
      'settings: /projects/main/baseUrl (line 1, column 22): must be the https origin of a Voucherify API endpoint';
    const ended = await runToEnd({ PORT: '0', DATA_DIR: ':memory:', SETTINGS: file });
    expect(ended).toEqual({ code: 1, signal: null, stdout: '', stderr: `${file}: ${problem}\n` });
  });

  test('--help: names every variable and starts nothing', async () => {
    const { stdout, ...end } = await runToEnd({ PORT: 'x' }, '--help');
    expect(end).toEqual({ code: 0, signal: null, stderr: '' });
    const variables = ['PORT', 'SETTINGS', 'DATA_DIR', 'SWEEP_SECONDS', 'CLAIM_SECONDS', 'BACKOFF_SECONDS', 'CLOCK'];
    for (const name of ['npm start', ...variables, 'AWS_ENDPOINT_URL']) expect(stdout).toContain(name);
  });

  test('misspelt option: is a usage error and starts nothing', async () => {
    const says = 'usage error: the only option is --help; variables such as PORT=4000 configure the run\n';
    for (const wrong of ['--hlp', 'PROT=1', 'PATH=1', '3000']) {
      expect(await runToEnd({}, wrong)).toEqual({ code: 2, signal: null, stdout: '', stderr: says });
    }
  });
});

describe('announcement of a local run', () => {
  const commandOf = (lines: readonly string[]) =>
    lines.flatMap(line => /^ {2}try it {4}curl(?:\.exe)? --config (.+)$/.exec(line)?.[1] ?? []);

  test.each([
    ['ketch', 'data', 'executed'],
    ['shopify', 'data with spaces', ''],
  ])('%s: curl sends the printed request, which is genuine', async (platform, folder, word) => {
    const { settings } = readLocalOptions({});
    const platforms = { [platform]: settings.platforms[platform] };
    const data = join(temporaryFolder(), folder);
    const run = await runWith({ data, settings: { ...settings, platforms }, now: Date.now });
    const [file = ''] = commandOf(announcement(run, data));
    const path = file.replaceAll('"', '');
    expect(file).toBe(folder.includes(' ') ? `"${path}"` : path);
    if (spawnSync('curl', ['--version']).error !== undefined) return;
    const { stdout, stderr } = await promisify(execFile)('curl', ['--fail', '--config', path]);
    expect(stdout).toContain(word);
    expect(stderr, 'no progress meter').toBe('');
    const accepted = run.lines.filter(line => line.includes('"event":"accepted"'));
    expect(accepted).toHaveLength(1);
  });

  test('no file can be written, or no request of a known platform sent: prints no command', async () => {
    const { settings } = readLocalOptions({});
    const run = await runWith();
    expect(commandOf(announcement(run, ':memory:'))).toEqual([]);
    expect(commandOf(announcement(run, join(temporaryFolder(), 'missing')))).toEqual([]);
    const { ketch: _, shopify: __, ...platforms } = settings.platforms;
    const other = await runWith({ settings: { ...settings, platforms } });
    expect(commandOf(announcement(other, temporaryFolder()))).toEqual([]);
    const phones = { ketch: { tenants: ['t'], environments: ['e'], identities: { tel: 'phone' } } };
    const last = await runWith({ settings: { ...settings, platforms: phones } });
    expect(commandOf(announcement(last, temporaryFolder()))).toEqual([]);
  });

  test('AWS endpoint: has no sandbox and no page', async () => {
    const { services } = await runWith();
    const lines = announcement({ url: 'http://127.0.0.1:1', sandboxUrl: undefined, services }, '.data');
    expect(lines.join('\n')).not.toMatch(/sandbox|page|try it/);
    expect(lines.at(-1)).toBe('ready http://127.0.0.1:1');
  });
});

describe('log of a local run on a terminal', () => {
  test.each([
    [
      { event: 'accepted', platform: 'ketch', receipt: 'Xw0KVp6FB5_zabcdef' },
      'accepted      ketch, receipt Xw0KVp6FB5_z…',
    ],
    [{ event: 'sweep', claimed: 0, closed: 0 }, 'sweep         nothing to do'],
    [{ event: 'sweep', claimed: 2, closed: 1, failed: 0 }, 'sweep         claimed 2, closed 1'],
    [{ event: 'verification', platform: 'ketch', code: 'absent' }, 'verification  ketch, code absent'],
    [{ event: 'closed', platform: 'ketch', outcome: 'erased', code: 'erased' }, 'closed        ketch, outcome erased'],
    [{ event: 'alarm', alarm: 'voucherify-key-refused' }, 'alarm         voucherify-key-refused'],
  ])('%j: is one line for a person', (fields, expected) => {
    const line = readableLine(`${JSON.stringify({ time: '2026-01-15T12:00:00.000Z', ...fields })}\n`);
    expect(stripVTControlCharacters(line)).toMatch(/^\d\d:\d\d:\d\d {2}.*\n$/);
    expect(stripVTControlCharacters(line).slice(10, -1)).toBe(expected);
  });

  test('narrow terminal: a line is continued below its details', () => {
    const line = {
      time: '2026-01-15T12:00:00.000Z',
      event: 'alarm',
      alarm: 'voucherify-quota-exhausted',
      platform: 'standard-webhooks',
      project: 'main',
      code: 'voucherify-429',
      receipt: 'Xw0KVp6FB5_zabcdef',
    };
    const shown = stripVTControlCharacters(readableLine(`${JSON.stringify(line)}\n`, 80)).slice(10);
    expect(shown.split('\n')).toEqual([
      'alarm         voucherify-quota-exhausted, standard-webhooks,',
      `${' '.repeat(24)}project main, code voucherify-429, receipt Xw0KVp6FB5_z…`,
      '',
    ]);
    const [first = '', ...others] = stripVTControlCharacters(readableLine(`${JSON.stringify(line)}\n`, 1)).split('\n');
    expect(first, 'the first detail is beside the event').toMatch(/alarm +voucherify-quota-exhausted,$/);
    expect(others).toHaveLength(5);
  });

  test('line of another form: stays as it is', () => {
    for (const line of ['not JSON\n', '{"event":"x"}\n']) expect(readableLine(line)).toBe(line);
  });
});

describe('npm run demo', () => {
  // Nothing of this machine's environment gets in, so that no AWS variable can.
  const demo = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['infra/local/demo.ts', ...args], { encoding: 'utf8', env: {} });

  test('process: prints a deletion, and an outage with its callback, in 80 columns', () => {
    const { status, stdout, stderr } = demo();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(26);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    const [first = '', second = ''] = stdout.split('\n2. ');
    expect(first).toMatch(/replied {3}200: completed, executed[\s\S]*deleted {3}1 customer[\s\S]*closed .*: erased;/);
    expect(second).toMatch(/replied {3}200: in_progress\n[\s\S]*voucherify-500, 0 customers deleted/);
    expect(second).toMatch(/the sweep runs[\s\S]*notified[\s\S]*closed .*: erased;/);
    for (const act of [first, second]) expect(act).toContain('the signature of its evidence is valid');
  });

  test('--verbose: also prints every message, receipt and evidence', () => {
    const { status, stdout } = demo('--verbose');
    expect(status).toBe(0);
    for (const part of ['"kind": "DeleteRequest"', '"reason": "executed"', '"outcome": "erased"', 'POST /callback']) {
      expect(stdout).toContain(part);
    }
    expect(stdout).toMatch(/"id": "del_\w{24}"/);
  });

  test('unknown option: is a usage error', () => {
    expect(demo('--verbos')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('--verbose') });
  });

  test('--help: explains the command', () => {
    expect(demo('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('npm run demo') });
  });
});
