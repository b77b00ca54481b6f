import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { readLocalOptions } from '../../infra/local/options.ts';
import { startLocalRun } from '../../infra/local/run.ts';
import { parseCommandArgs } from '../../infra/ops/args.ts';
import type { OpsContext } from '../../infra/ops/context.ts';
import { parseCsv } from '../../infra/ops/csv.ts';
import { eraseCommand, eraseOne } from '../../infra/ops/erase/erase.ts';
import { readPeople } from '../../infra/ops/erase/erase-file.ts';
import { warnOfLimit } from '../../infra/ops/erase/requests.ts';
import { invokeWebhook, type SendManual, sendToLocalRun } from '../../infra/ops/erase/send-manual.ts';
import { processOutput } from '../../infra/ops/terminal.ts';
import { namesOf } from '../../infra/stack/names.ts';
import { acceptActions } from '../../lambda/aws/dynamodb-items.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import type { ManualEvent, ManualRequest } from '../../lambda/request/receive-manual.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { answers, deadEndpoint, startAwsEndpoint } from '../support/aws-endpoint.ts';
import { contextWith, sendOver } from '../support/event.ts';
import { startLocalProcess, temporaryFolder } from '../support/local-process.ts';
import { callerIdentity, errors, type OpsHarness, opsBeside, opsHarness, recordingOutput, run } from './ops-harness.ts';

const reason = ['--why', 'a letter of 12 November'];
const proved = 'erased: permanently deleted, with proof (main 1)';

/** A request for the customer with this `source_id`. */
function request(value: string): ManualRequest {
  return { reference: '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11', identifiers: [{ kind: 'source_id', value }] };
}

/** A file in a folder that goes away with the test. */
function fileWith(content: string | Uint8Array): string {
  const path = join(temporaryFolder(), 'people.csv');
  writeFileSync(path, content);
  return path;
}

interface Manual extends OpsHarness {
  /** Runs `ops erase` with the function of the harness. */
  erase(...args: readonly string[]): ReturnType<typeof run>;
  /** Replaces the sender of requests by hand. */
  sender: { send: SendManual };
  readonly waited: number[];
}

async function manualHarness(options: Parameters<typeof opsHarness>[0] = {}): Promise<Manual> {
  const harness = await opsHarness(options);
  const handler = webhookHandler(() => harness.harness.services);
  const waited: number[] = [];
  const send: SendManual = async manual => {
    const reply = await handler({ manual }, contextWith(60_000));
    if ('failure' in reply) throw new Failure('invalid', reply.failure.message);
    return reply;
  };
  const sender = { send };
  const context: OpsContext = {
    ...harness.context,
    sendManual: manual => sender.send(manual),
    wait: async ms => {
      waited.push(ms);
      harness.harness.clock.now += ms;
    },
  };
  return { ...harness, context, sender, waited, erase: (...args) => run(context, 'erase', ...args) };
}

/** A file with so many people, of which the first are customers. */
function crowd({ harness }: Manual, count: number, known = count): string {
  const ids = Array.from({ length: count }, (_, at) => `crowd-${at}`);
  for (const source_id of ids.slice(0, known)) harness.addCustomer({ source_id });
  return fileWith(['source_id', ...ids].join('\n'));
}

describe('ops erase --csv', () => {
  test('preview: says how many match where, and deletes and stores nothing', async () => {
    const manual = await manualHarness();
    const before = (await manual.harness.receipts()).length;
    const { status, lines, json } = await manual.erase('--csv', crowd(manual, 30, 28));
    expect({ status, json }).toMatchObject({ status: 0 });
    expect(lines).toEqual([
      'preview of 30 requests: no customer was deleted',
      'PROJECT  MATCHED  CUSTOMERS  NO MATCH  UNCLEAR',
      'main     28       28         2         0',
      'To erase them:',
      expect.stringMatching(/^ {2}npm run ops -- erase --csv \/\S+\/people.csv --confirm --why "…"$/),
    ]);
    expect(await manual.harness.receipts()).toHaveLength(before);
    expect(manual.harness.deleted()).toEqual([]);
  });

  test('preview: names the lines that need an operator, and not the people', async () => {
    const manual = await manualHarness({ limits: { customersPerRequest: 1 } });
    for (const at of [1, 2]) manual.harness.addCustomer({ source_id: `s-${at}`, email: 'shared@example.com' });
    const file = fileWith('email\nnobody@example.com\n\nshared@example.com\n');
    const { lines } = await manual.erase('--csv', file);
    expect(lines).toContain('  line 4: main: too-many-matches');
    expect(lines.join()).not.toContain('example.com');
    const { json } = await manual.erase('--csv', file, '--json');
    expect(json).toMatchObject({ total: 2, notLookedUp: 0, unclear: [{ line: 4, code: 'too-many-matches' }] });
  });

  test('preview during an outage: waits, and says how many were not looked up', async () => {
    const manual = await manualHarness();
    const file = crowd(manual, 2);
    manual.harness.sandbox.outage('down');
    const { status, lines } = await manual.erase('--csv', file);
    expect(status).toBe(1);
    expect(lines.join('\n')).toContain('2 were not looked up');
    expect(manual.waited.length).toBe(20);
    manual.harness.sandbox.outage(undefined);
    manual.harness.clock.now += 3_600_000;
    expect((await manual.erase('--csv', file)).status).toBe(0);
  });

  test('confirm: every line gets a receipt with the author, the sweep erases, and the file is not taken again', async () => {
    const manual = await manualHarness();
    const file = crowd(manual, 30, 28);
    const { status, lines, progress } = await manual.erase('--csv', file, '--confirm', ...reason);
    expect(status).toBe(0);
    expect(lines[0]).toBe('accepted 30 requests: the sweep erases them');
    expect(progress).toContain(`[${'#'.repeat(25)}.....] 25 of 30`);
    await manual.sweep();
    await manual.sweep();
    const receipts = await manual.harness.receipts();
    expect(receipts).toHaveLength(30);
    for (const receipt of receipts)
      expect(receipt).toMatchObject({ platform: 'manual', decisions: [{ action: 'erase', reason: reason[1] }] });
    expect(manual.harness.deleted()).toHaveLength(28);
    for (const again of [['--confirm', ...reason], []]) {
      const repeated = await manual.erase('--csv', file, ...again);
      expect(repeated.status).toBe(3);
      expect(repeated.lines[0]).toMatch(/^this file was accepted at 20\d\d-.*Z by .+: it is not taken again$/);
      expect(repeated.lines.slice(1)).toEqual(['OUTCOME   REQUESTS', 'erased    28', 'no-match  2']);
    }
    expect(await manual.harness.receipts()).toHaveLength(30);
    const { json } = await manual.erase('--csv', file, '--json');
    expect(json).toMatchObject({ requests: 30, outcomes: { erased: 28, 'no-match': 2 } });
  });

  test('--json and repeated lines: are counted, and each person is asked for once', async () => {
    const manual = await manualHarness();
    const said = errors();
    const file = fileWith('source_id\ncrm-1\ncrm-1\ncrm-2\n');
    const { json } = await manual.erase('--csv', file, '--confirm', '--json', ...reason);
    expect(json).toEqual({ accepted: 2, before: 0, total: 2 });
    expect(said.mock.calls.join()).toContain('are left out: 1');
  });

  test('many unclear lines: ten are listed', async () => {
    const manual = await manualHarness();
    manual.harness.intercept = () => ({ kind: 'response', status: 400, headers: {}, body: '{}' });
    const { lines } = await manual.erase('--csv', crowd(manual, 12));
    expect(lines.filter(line => line.endsWith('voucherify-400'))).toHaveLength(10);
    expect(lines).toContain('  and 2 more: see them with --json');
  });

  test('interrupted: the same command continues, and repeats no request', async () => {
    const manual = await manualHarness();
    const file = crowd(manual, 60);
    const { send } = manual.sender;
    let sent = 0;
    manual.sender.send = async asked => {
      sent += 1;
      if (sent === 2) throw new Failure('unavailable', 'erasure-webhook cannot be invoked (TimeoutError)');
      return send(asked);
    };
    await expect(manual.erase('--csv', file, '--confirm', ...reason)).rejects.toThrow(
      /^stopped after 25 of 60: .*: run the same command again$/,
    );
    expect((await manual.erase('--csv', file)).lines).toContain('25 others of this file were accepted before');
    const { lines } = await manual.erase('--csv', file, '--confirm', ...reason);
    expect(lines[0]).toBe('accepted 35 requests, and 25 before: the sweep erases them');
    expect(await manual.harness.receipts()).toHaveLength(60);
  });

  test('reply lost: what was stored is not stored twice', async () => {
    const manual = await manualHarness();
    const file = crowd(manual, 3);
    const { send } = manual.sender;
    manual.sender.send = async asked => {
      await send(asked);
      throw new Failure('unavailable', 'no reply');
    };
    await expect(manual.erase('--csv', file, '--confirm', ...reason)).rejects.toThrow('stopped after 0 of 3');
    manual.sender.send = send;
    expect((await manual.erase('--csv', file, '--confirm', ...reason)).status).toBe(3);
    expect(await manual.harness.receipts()).toHaveLength(3);
  });

  test.each(['--local', '--stage eu'])('more people than requestsPerHour: the suggestion has %s', async target => {
    const { context } = await manualHarness({ limits: { requestsPerHour: 2 } });
    const said = errors();
    warnOfLimit(3, { context, output: processOutput(false, target) });
    expect(said.mock.calls.join()).toContain(` resume ${target} platform:manual --why "…"`);
  });

  test('same people in another form: is the same file', async () => {
    const forms = [
      'source_id,email\ncrm-1,ada@example.com\n',
      '\uFEFFemail,source_id\r\n"ada@example.com",crm-1\r\n\r\n',
      'source_id,email,customer_id\ncrm-1,ada@example.com,\ncrm-1,ada@example.com,',
    ];
    const ids = forms.map(form => readPeople(fileWith(form)).people.map(({ request }) => request.reference));
    expect(new Set(ids.map(String)).size).toBe(1);
    expect(ids[0]?.[0]).toMatch(/^[0-9a-f]{64}$/);
    const other = readPeople(fileWith('source_id,email\ncrm-1,ada@example.com\ncrm-2,')).people;
    expect(other[0]?.request.reference).not.toBe(ids[0]?.[0]);
  });

  test('more people than requestsPerHour: says that the rest waits, and resume releases it', async () => {
    const manual = await manualHarness({ limits: { requestsPerHour: 2 } });
    const said = errors();
    await manual.erase('--csv', crowd(manual, 3), '--confirm', ...reason);
    expect(said.mock.calls.join()).toContain('more than requestsPerHour (2)');
    await manual.sweep();
    expect(manual.harness.deleted()).toEqual([]);
    expect((await run(manual.context, 'pauses')).lines[0]).toBe('platform:manual: paused');
    expect((await run(manual.context, 'resume', 'platform:manual', '--why', 'checked')).status).toBe(0);
    manual.harness.clock.now += 300_000;
    await manual.sweep();
    expect(manual.harness.deleted()).toHaveLength(3);
  });

  const many = Array.from({ length: 5001 }, (_, at) => `planted-${at}`).join('\n');
  test.each<[string, string | Uint8Array, string]>([
    ['no header', 'planted@example.com\n', 'line 1, column 1: must be one of source_id, email, customer_id'],
    ['semicolons', 'source_id;email\nplanted;x', 'line 1, column 1: must be one of'],
    ['a column twice', 'email,email\nplanted,x', 'line 1, column 2: must be one of'],
    ['an unknown column', 'source_id,planted\nx,y', 'line 1, column 2: must be one of'],
    ['too many cells', 'source_id\nplanted,x', 'line 2: has 2 cells, and the header has 1'],
    ['no identifier', 'source_id,email\nx,\n , ', 'line 3: has no identifier'],
    ['no address', 'source_id,email\nx,planted', 'line 2, column email: must be an e-mail address'],
    ['no customer id', 'customer_id\nplanted', 'line 2, column customer_id: must be the id of a customer'],
    ['white space', 'source_id\n"planted\n1"\nplanted ', 'line 2, column source_id: must be a source_id of Voucherify'],
    ['a space at the end', 'source_id\nx\nplanted ', 'line 3, column source_id: begins or ends with white space'],
    ['an open quote', 'source_id\nx\n"planted', 'line 3: a quote is not closed, or is inside a cell'],
    ['a quote inside', 'source_id\npla"nted', 'line 2: a quote is not closed, or is inside a cell'],
    ['nobody', 'source_id\n\n', 'has no line below the header'],
    ['too many people', `source_id\n${many}`, 'has more than 5000 people'],
    ['too many bytes', 'source_id\n'.padEnd(4_194_305, 'x'), 'is larger than 4 MiB'],
    ['other bytes', Uint8Array.of(0x73, 0xff), 'is not UTF-8'],
  ])('file with %s: is named by line and column, without a value', async (_, content, message) => {
    const manual = await manualHarness();
    const error = await manual.erase('--csv', fileWith(content)).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ message: expect.stringContaining(`--csv: ${message}`) });
    expect(String(error)).not.toContain('planted');
  });

  test('file with many mistakes: twenty are named by line and column, and the rest is counted', async () => {
    const manual = await manualHarness();
    const wrong = Array.from({ length: 22 }, (_, at) => `planted-${at}`);
    const rows = ['email,source_id', 'ada@example.com,', 'x', ...wrong.map(one => `${one},`)];
    const error = await manual.erase('--csv', fileWith(rows.join('\n'))).catch((thrown: Error) => thrown);
    const lines = (error instanceof Error ? error.message : '').split('\n');
    expect(lines).toHaveLength(21);
    expect(lines.slice(0, 2)).toEqual([
      '--csv: line 3: has 1 cell, and the header has 2',
      '--csv: line 4, column email: must be an e-mail address',
    ]);
    expect(lines.at(-1)).toBe('and 3 more');
    expect(String(error)).not.toContain('planted');
  });

  test('quotes, commas and line breaks: are read as RFC 4180 says', () => {
    expect(parseCsv('a,"b ""c"", d"\r\n\n,"x\ny"\ne,')).toEqual([
      { line: 1, cells: ['a', 'b "c", d'] },
      { line: 3, cells: ['', 'x\ny'] },
      { line: 5, cells: ['e', ''] },
    ]);
    expect(parseCsv('')).toEqual([]);
    expect(parseCsv('a')).toEqual([{ line: 1, cells: ['a'] }]);
  });
});

test.each<[readonly string[], string]>([
  [[], 'erase: give identifiers such as --email -, or --csv FILE'],
  [['--email', '-', '--csv', 'x'], 'erase: give identifiers such as --email -, or --csv FILE'],
  [['planted'], 'erase: takes options only, no arguments'],
  [['--email', '-', '--confirm'], '--confirm: is only for --csv'],
  [['--email', 'planted', ...reason], '--email: must be -'],
  [['--email', '-'], '--why: must be the reason for the decision'],
  [['--email', '-', '--why', 'for planted@example.com'], '--why: must not contain an e-mail address'],
  [['--email', '-', '--source-id', '-', ...reason], 'standard input has one value'],
])('ops erase, %j: is a usage error without a value', async (args, message) => {
  const { context } = await manualHarness();
  const parsed = parseCommandArgs(eraseCommand, args);
  const error = await (async () => eraseCommand.run(parsed, context, recordingOutput().output))().catch(
    (thrown: Error) => thrown,
  );
  expect(error).toMatchObject({ message: expect.stringContaining(message) });
  expect(String(error)).not.toContain('planted');
});

/** Runs `ops erase …` as a process, and checks that no planted value is printed. */
async function erase(args: readonly string[], typed: Parameters<typeof opsBeside>[1]) {
  const ended = await opsBeside(['erase', ...args], typed);
  expect(ended.stdout + ended.stderr).not.toMatch(/planted/);
  return ended;
}

const zoe = 'arn:aws:sts::123456789012:assumed-role/privacy/zoe@example.com';

/** An account in which the function is the one of a harness, or replies something else. */
async function account(reply?: { readonly status?: number; readonly body: unknown; readonly error?: string }) {
  const manual = await manualHarness();
  const { services } = manual.harness;
  const handler = webhookHandler(() => services);
  const pepper = await services.readSecret('erasure/pepper');
  const invoked: string[] = [];
  const storedItem = async () => {
    const [receipt] = await manual.harness.receipts();
    if (receipt === undefined) return undefined;
    const tables = { receipts: 'receipts', identifiers: 'identifiers' };
    const nothing = { reference: '', scope: '', identifiers: [], callbacks: [], pins: {} };
    return acceptActions(tables, receipt, nothing, 'write')[0]?.Put?.Item;
  };
  const server = await startAwsEndpoint(async (call, response) => {
    const { url = '' } = call.request;
    if (call.body.includes('GetCallerIdentity'))
      return void response.writeHead(200, { 'Content-Type': 'text/xml' }).end(callerIdentity(zoe));
    if (call.operation === 'GetSecretValue') return answers(200, { SecretString: pepper })(call, response);
    if (call.operation === 'GetItem') return answers(200, { Item: await storedItem() })(call, response);
    invoked.push(url);
    const event = JSON.parse(call.body) as ManualEvent;
    const body = reply?.body ?? (await handler(event, contextWith(60_000)));
    if (reply?.error !== undefined) response.setHeader('X-Amz-Function-Error', reply.error);
    return answers(reply?.status ?? 200, body)(call, response);
  });
  onTestFinished(server.stop);
  const file = join(temporaryFolder(), 'settings.json');
  const projects = { main: { baseUrl: 'https://api.voucherify.io' } };
  writeFileSync(file, JSON.stringify({ projects, platforms: {} }));
  const keys = { AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none' };
  const environment = { AWS_ENDPOINT_URL: server.endpoint, AWS_REGION: 'eu-west-1', ...keys };
  const command = (input: string, ...args: readonly string[]) =>
    erase(['--source-id', '-', ...reason, '--settings', file, ...args], { environment, input });
  return { manual, invoked, command };
}

describe('ops erase on AWS', () => {
  test('one person: invokes the function as the caller that AWS knows, and prints the result', async () => {
    const { manual, invoked, command } = await account();
    manual.harness.addCustomer({ source_id: 'planted-1' });
    const { status, stdout, stderr } = await command('planted-1\n');
    const [receipt] = await manual.harness.receipts();
    expect(stdout.split('\n').slice(0, 2)).toEqual([proved, `receipt ${receipt?.id}`]);
    expect(stderr).toContain(`as ${zoe}`);
    expect(status).toBe(0);
    expect(invoked).toEqual(['/2015-03-31/functions/erasure-webhook/invocations?Qualifier=live']);
    expect(receipt).toMatchObject({ state: 'erased', decisions: [{ actor: zoe, action: 'erase', reason: reason[1] }] });
  });

  test('no match: has exit code 3; a stage is part of the function’s name', async () => {
    const { invoked, command } = await account();
    const { status, stdout } = await command('planted-2\n', '--stage', 'test', '--json');
    expect({ status, json: JSON.parse(stdout) }).toMatchObject({ status: 3, json: { outcome: 'no-match' } });
    expect(invoked).toEqual(['/2015-03-31/functions/erasure-test-webhook/invocations?Qualifier=live']);
  });

  test('no reply: names the receipt that shows whether the request was accepted', async () => {
    const { command } = await account({ body: {}, error: 'Unhandled' });
    const { stderr } = await command('planted-4\n');
    expect(stderr).toMatch(/whether it was accepted shows npm run ops -- show --settings \S+ [\w-]{43}/);
  });
});

describe('sender of requests by hand', () => {
  const asked = { action: 'preview' as const, requests: [request('planted-1')] };

  /** The sender to a function that replies this. */
  async function senderTo(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) {
    const server = await startAwsEndpoint((call, response) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      return answers(status, body)(call, response);
    });
    onTestFinished(server.stop);
    stubAccount(server.endpoint);
    return invokeWebhook(namesOf());
  }

  function stubAccount(endpoint: string): void {
    const account = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none' };
    for (const [name, value] of Object.entries({ ...account, AWS_ENDPOINT_URL: endpoint })) vi.stubEnv(name, value);
  }

  const denied = { Type: 'User', message: 'planted' };
  const refusal = (code: string) => ({ failure: { code, message: 'manual.reason: is missing or not valid' } });
  test.each<[string, readonly [number, unknown, Record<string, string>?], string, string]>([
    ['no permission', [403, denied], 'forbidden', 'attach ManualErasurePolicy to your role'],
    ['no function', [404, denied], 'not-found', 'check --stage and the region'],
    ['a crash', [200, denied, { 'X-Amz-Function-Error': 'Unhandled' }], 'unavailable', 'erasure-webhook: Unhandled'],
    ['an older version', [200, { statusCode: 404, body: 'planted' }], 'unimplemented', 'deploy this one first'],
    ['no reply', [200, ''], 'unimplemented', 'deploy this one first'],
    ['a refusal', [200, refusal('conflict')], 'invalid', 'refused: manual.reason: is missing or not valid'],
    ['a failed store', [200, refusal('unavailable')], 'unavailable', 'refused: manual.reason'],
  ])('%s: is named without a value', async (_, [status, body, headers], code, message) => {
    const send = await senderTo(status, body, headers);
    const error = await send(asked).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(String(error)).not.toContain('planted');
  });

  test('no answer: is unavailable, on AWS and in a local run', async () => {
    const endpoint = await deadEndpoint();
    stubAccount(endpoint);
    await expect(invokeWebhook(namesOf())(asked)).rejects.toMatchObject({ code: 'unavailable' });
    await expect(sendToLocalRun(endpoint)(asked)).rejects.toThrow('npm start does not answer');
  });

  test('local run: replies as the function does', async () => {
    const options = readLocalOptions({ PORT: '0', DATA_DIR: ':memory:' });
    const local = await startLocalRun({ ...options, log: () => undefined });
    onTestFinished(() => local.close());
    const found = { previews: [{ projects: { main: { kind: 'found', customers: 1 } } }] };
    const preview = { ...asked, requests: [request('crm-10042')] };
    expect(await sendToLocalRun(local.url)(preview)).toMatchObject(found);
  });
});

describe('result of one erasure by hand', () => {
  async function eraseOneOf(manual: Manual, value: string, json = false) {
    const { output, lines, printed } = recordingOutput(json);
    const identifiers = async () => request(value).identifiers;
    const askedBy = async () => ({ by: 'zoe', reason: 'a letter' });
    const status = await eraseOne(identifiers, askedBy, { context: manual.context, output });
    return { status, lines, json: printed[0] };
  }

  test('erased and no match: say where, and which receipt proves it', async () => {
    const manual = await manualHarness();
    manual.harness.addCustomer({ source_id: 'crm-1' });
    const { status, lines } = await eraseOneOf(manual, 'crm-1');
    const [receipt] = await manual.harness.receipts();
    const expected = [proved, `receipt ${receipt?.id}`, `  npm run ops -- show ${receipt?.id}`];
    expect({ status, lines }).toEqual({ status: 0, lines: expected });
    const json = { outcome: 'no-match', deleted: { main: 0 } };
    expect(await eraseOneOf(manual, 'nobody', true)).toMatchObject({ status: 3, json });
  });

  test('paused and in review: say what stops it, and the next command', async () => {
    const manual = await manualHarness({ limits: { customersPerRequest: 1, delaySeconds: 60 } });
    const held = await eraseOneOf(manual, 'crm-1');
    expect([held.status, held.lines[0]]).toEqual([0, 'in progress: accepted, and the sweep finishes it']);
    await run(manual.context, 'pause', 'platform:manual', '--why', 'a drill');
    const { lines } = await eraseOneOf(manual, 'crm-2');
    expect(lines.join()).toContain('stopped by the pause of platform:manual');
    const review = await manualHarness();
    review.harness.intercept = () => ({ kind: 'response', status: 400, headers: {}, body: '{}' });
    const undecided = 'needs review: no customer is deleted until an operator decides (voucherify-400)';
    expect((await eraseOneOf(review, 'crm-1')).lines[0]).toBe(undecided);
    expect(await eraseOneOf(review, 'crm-2', true)).toMatchObject({ status: 1, json: { reason: 'voucherify-400' } });
  });

  test('no reply, or a receipt that is not found: is an error that says what to do', async () => {
    const manual = await manualHarness();
    manual.sender.send = () => Promise.reject(new Failure('unavailable', 'no reply'));
    await expect(eraseOneOf(manual, 'crm-1')).rejects.toThrow(
      /^no reply: whether it was accepted shows npm run ops -- show [\w-]{43}$/,
    );
    manual.sender.send = () => Promise.reject(new Failure('forbidden', 'no permission'));
    await expect(eraseOneOf(manual, 'crm-1')).rejects.toThrow(/^no permission$/);
    manual.sender.send = async () => ({ results: [] });
    await expect(eraseOneOf(manual, 'crm-1')).rejects.toThrow('the receipt was not found');
    const { sendManual: _, ...stopped } = manual.context;
    await expect(eraseOneOf({ ...manual, context: stopped }, 'crm-1')).rejects.toThrow('npm start is not running');
  });
});

describe('ops erase --local', () => {
  const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0;
  if (!hasPython) console.log('skipped: the prompt of ops erase needs python3 with pty, for a terminal');

  async function localRun() {
    const DATA_DIR = join(temporaryFolder(), 'data');
    const local = await startLocalProcess({ DATA_DIR, SWEEP_SECONDS: '1' });
    const add = async (body: object) =>
      sendOver(local.sandboxUrl, {
        path: '/sandbox/customers',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ created_at: '2025-01-01T00:00:00.000Z', ...body }),
      });
    const left = async () => (await fetch(`${local.sandboxUrl}/sandbox/customers`)).text();
    const command = (args: readonly string[], typed: Parameters<typeof opsBeside>[1]) =>
      erase(['--local', ...args], { ...typed, environment: { DATA_DIR } });
    return { local, add, left, command, DATA_DIR };
  }

  test.skipIf(!hasPython)('find on a terminal: asks, and does not show what is typed', async () => {
    const { stdout, status } = await opsBeside(['find', '--email', '-', '--local'], {
      terminal: ['planted@example.com'],
      environment: { DATA_DIR: (await localRun()).DATA_DIR },
    });
    expect(stdout).toContain('email (not shown): ');
    expect(stdout).toContain('not found');
    expect(stdout).not.toContain('planted');
    expect(status).toBe(1);
  });

  test('person, file and its results: through npm start, and no value is in a log or a file', async () => {
    const { local, add, left, command, DATA_DIR } = await localRun();
    for (const at of [1, 2, 3]) expect((await add({ source_id: `planted-${at}` })).status).toBeLessThan(300);
    const one = await command(['--source-id', '-', ...reason], { input: 'planted-1\n' });
    expect(one).toMatchObject({ status: 0, stdout: expect.stringContaining('(main 1)') });
    const file = fileWith('source_id\nplanted-2\nplanted-3\n');
    const preview = await command(['--csv', file], {});
    expect(preview).toMatchObject({ status: 0, stdout: expect.stringContaining('no customer was deleted') });
    expect(preview.stdout).toContain(`npm run ops -- erase --local --csv ${file} --confirm`);
    expect(await left()).toContain('planted-2');
    expect(await command(['--csv', file, '--confirm', ...reason], {})).toMatchObject({ status: 0 });
    await expect
      .poll(async () => (await command(['--csv', file], {})).stdout, { timeout: 60_000, interval: 500 })
      .toMatch(/erased +2/);
    expect(await left()).not.toContain('planted');
    const { stderr } = await local.stop();
    expect(stderr).not.toContain('planted');
    for (const name of readdirSync(DATA_DIR)) {
      if (!name.includes('sandbox'))
        expect([name, readFileSync(join(DATA_DIR, name), 'latin1').includes('planted')]).toEqual([name, false]);
    }
    expect(await command(['--source-id', '-', ...reason], { input: 'planted-1\n' })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('npm start is not running'),
    });
  });

  test.skipIf(!hasPython)('terminal: asks for each value without showing it', async () => {
    const { add, command } = await localRun();
    await add({ source_id: 'planted-1', email: 'planted@example.com' });
    const terminal = ['planted-1', 'planted@example.com'];
    const { stdout, status } = await command(['--email', '-', '--source-id', '-', ...reason], { terminal });
    expect(status).toBe(0);
    expect(stdout).toMatch(/source-id \(not shown\): .*email \(not shown\): .*erased: permanently deleted/s);
    for (const line of stdout.split(/\r?\n/)) expect(line.length).toBeLessThanOrEqual(80);
  });
});
