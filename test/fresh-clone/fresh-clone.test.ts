import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import example from '../../infra/settings.json' with { type: 'json' };
import { emulated, type Moto, motoIsHere, startMoto } from '../support/moto.ts';
import { type Clone, cloneWorkingTree, type Ran, type Started } from './clone.ts';

/*
 * A first installation from a fresh clone, in order: each step depends on the previous one. It runs the commands of the
 * README and the runbook, with an AWS emulator and the sandbox Voucherify.
 */
const key = { appId: 'app-of-a-new-user', appToken: 'token-of-a-new-user' };
const header = 'Bearer a-long-random-value-of-a-new-user';
const day = 86_400_000;

let clone: Clone;
let sandbox: Sandbox;
let voucherify: Awaited<ReturnType<typeof serveSandbox>>;
let moto: Moto;
let secrets: SecretsManagerClient;
let running: Started;
let url = '';
/** The run may continue past midnight. */
const firstDay = new Date().toISOString().slice(0, 10);
let template: Template;
let receipt = '';

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}
type Template = { readonly Resources: Readonly<Record<string, Resource>> };

const of = (type: string) =>
  Object.values(template.Resources).flatMap(({ Type, Properties }) => (Type === type ? [Properties] : []));

const account = () => ({
  AWS_ENDPOINT_URL: moto.endpoint,
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
});

/** `npm run ops -- …` with the settings of the deployment. */
const ops = (args: readonly string[], stdin = ''): Promise<Ran> =>
  clone.script('ops', [...args, '--settings', 'mine.json'], { env: account(), stdin });

function erase(uid: string, sourceId: string, submittedAt: number, dueAt: number): Promise<Response> {
  const [submittedTimestamp, dueTimestamp] = [submittedAt, dueAt].map(at => Math.floor(at / 1000));
  const identities = [{ identitySpace: 'account_id', identityFormat: 'raw', identityValue: sourceId }];
  const request = { environment: 'production', identities, submittedTimestamp, dueTimestamp };
  return fetch(`${url}/webhooks/ketch`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: header },
    body: JSON.stringify({
      apiVersion: 'dsr/v1',
      kind: 'DeleteRequest',
      metadata: { uid, tenant: 'axonic' },
      request,
    }),
  });
}

describe.runIf(motoIsHere())('fresh clone', () => {
  beforeAll(async () => {
    clone = cloneWorkingTree();
    sandbox = openSandbox({ now: Date.now, keys: [{ ...key, project: 'main' }] });
    sandbox.register({ source_id: 'crm-77', email: 'zoe@example.com', created_at: '2025-03-01T09:00:00.000Z' }, 'main');
    [voucherify, moto] = await Promise.all([serveSandbox(sandbox, 0), startMoto()]);
    secrets = new SecretsManagerClient(emulated(moto.endpoint));
  });

  afterAll(async () => {
    await running?.stop();
    secrets.destroy();
    await Promise.all([moto.stop(), voucherify.close()]);
    sandbox.close();
    clone.remove();
  });

  test('demo: runs in a clone', async () => {
    const { code, stdout } = await clone.script('demo');
    expect(code).toBe(0);
    expect(stdout).toContain('200: completed, executed');
  });

  test('synth: names an invalid setting, and succeeds with valid settings', async () => {
    const settings = join(clone.folder, 'infra/settings.json');
    const projects = { main: { ...example.projects.main, baseUrl: 'https://api.voucherify.io/' } };
    writeFileSync(settings, JSON.stringify({ ...example, projects }));
    const wrong = await clone.script('synth', ['synth', '--quiet']);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain(
      '/projects/main/baseUrl (line 1, column 57): must be the https origin of a Voucherify API endpoint',
    );
    expect(wrong.stderr).not.toMatch(/\n\s+at /);
    writeFileSync(settings, JSON.stringify(example));
    expect(await clone.script('synth', ['synth', '--quiet'])).toMatchObject({ code: 0 });
    const out = join(clone.folder, 'cdk.out');
    const file = readdirSync(out).find(name => name.endsWith('.template.json')) ?? '';
    template = JSON.parse(readFileSync(join(out, file), 'utf8')) as Template;
  });

  test('doctor: lists what is missing', async () => {
    const projects = { main: { ...example.projects.main, baseUrl: voucherify.url } };
    // Just below the local gateway's timeout: the emulator is slow on a busy machine.
    const mine = { ...example, projects, limits: { answerBudgetMs: 14_000 } };
    writeFileSync(join(clone.folder, 'mine.json'), JSON.stringify(mine));
    for (const { Name, SecretString = 'pepper-that-the-stack-would-have-generated-of-62' } of of(
      'AWS::SecretsManager::Secret',
    )) {
      await secrets.send(new CreateSecretCommand({ Name: String(Name), SecretString: String(SecretString) }));
    }
    const { code, stdout } = await ops(['doctor']);
    expect(code).toBe(1);
    for (const missing of ['erasure/platform/ketch', 'erasure/voucherify/main', 'erasure-receipts']) {
      expect(stdout).toMatch(new RegExp(`✗.*${missing}`));
    }
  });

  test('doctor: passes with secrets and a started service', async () => {
    for (const [name, text] of [
      ['platform/ketch', `${header}\n`],
      ['voucherify/main', JSON.stringify(key)],
    ] as const) {
      expect(await ops(['secret', 'set', name], text)).toMatchObject({ code: 0 });
    }
    const quick = { PORT: '0', SETTINGS: 'mine.json', SWEEP_SECONDS: '0.3', BACKOFF_SECONDS: '86400' };
    running = clone.start('start', { env: { ...account(), ...quick } });
    url = (await running.printed(/^ready (\S+)$/))[1] ?? '';
    await running.printed(/"event":"sweep"/);
    const { code, stdout } = await ops(['doctor']);
    expect(stdout).not.toContain('✗');
    expect(code).toBe(0);
  });

  test('try: an unauthenticated request is refused, and a genuine one gets a reply', async () => {
    const { code, stdout } = await ops(['try', 'ketch', '--url', `${url}/webhooks/`]);
    expect(stdout).toContain('403');
    expect(stdout).toContain('no_match');
    expect(code).toBe(0);
    expect(sandbox.deletions()).toEqual([]);
  });

  test('outage: the request is kept, and the deadline alarms start', async () => {
    sandbox.outage('error');
    const answer = await erase(
      '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11',
      'crm-77',
      Date.now() - 29 * day,
      Date.now() + day,
    );
    expect(answer.status).toBe(503);
    const listed = await ops(['list', '--state', 'open', '--json']);
    const [waiting, ...others] = JSON.parse(listed.stdout) as { receipt: string }[];
    expect(others).toEqual([]);
    receipt = waiting?.receipt ?? '';
    const seen = running.lines.length;
    expect(await ops(['retry', receipt, '--why', 'is it over?'])).toMatchObject({ code: 0 });
    await running.printed(new RegExp(`"event":"attempt".*"receipt":"${receipt}".*"code":"voucherify-500"`));
    await running.printed(/"DeadlineUsed":9\d/);
    const watched = of('AWS::CloudWatch::Alarm').filter(({ MetricName }) => MetricName === 'DeadlineUsed');
    expect(watched.map(({ AlarmName, Threshold }) => [AlarmName, Number(Threshold) < 90])).toEqual([
      ['erasure-deadline-half-used', true],
      ['erasure-deadline-nearly-used', true],
    ]);
    expect(running.lines.slice(seen).join('\n')).toContain('"NeedsReview":0');
    expect((await ops(['show', receipt])).stdout).toContain('voucherify-500');
  });

  test('retry after the outage: the person is erased, and the receipt names the operator', async () => {
    sandbox.outage(undefined);
    expect(await ops(['retry', receipt, '--why', 'Voucherify is back', '--by', 'on-call'])).toMatchObject({ code: 0 });
    await running.printed(new RegExp(`"event":"closed".*"receipt":"${receipt}".*"outcome":"erased"`));
    expect(sandbox.deletions()).toHaveLength(1);
    // A minute after the deletion, the customer is looked up once more.
    await running.printed(new RegExp(`"event":"verification".*"receipt":"${receipt}"`));
    await expect.poll(async () => (await ops(['show', receipt, '--jws'])).code).toBe(0);
  });

  test('evidence: is verified offline with a public key set and a standard JOSE library', async () => {
    await running.printed(/"event":"sweep".*"closed":0/);
    const found = await ops(['find', '--source-id', '-'], 'crm-77\n');
    expect(found.code).toBe(0);
    expect(found.stdout).toContain(receipt);
    expect(found.stdout + found.stderr).not.toContain('crm-77');
    const [jws, jwks] = await Promise.all([ops(['show', receipt, '--jws']), ops(['jwks'])]);
    const verified = await runEvidenceScript({ 'evidence.jws': jws.stdout, 'jwks.json': jwks.stdout });
    expect(JSON.parse(verified)).toMatchObject({
      receipt,
      outcome: 'erased',
      projects: { main: { deletions: [{ proof: 'deleted' }] } },
      decisions: [{ reason: 'is it over?' }, { action: 'retry', actor: 'on-call', reason: 'Voucherify is back' }],
    });
    const today = new Date().toISOString().slice(0, 10);
    const report = await ops(['report', '--from', firstDay, '--to', today]);
    expect(report.stdout).toMatch(/ketch/);
    expect(await ops(['show', receipt])).toMatchObject({ code: 0, stdout: expect.stringContaining('on-call') });
  });

  test('stop: is clean, and the log contains no personal data', async () => {
    expect(await running.stop()).toBe(0);
    expect(running.lines.join('\n')).not.toMatch(/crm-77|zoe@|Bearer/);
  });
});

/** Runs the script of docs/evidence.md with these files and returns its output. */
async function runEvidenceScript(files: Readonly<Record<string, string>>): Promise<string> {
  const page = readFileSync(join(clone.folder, 'docs/evidence.md'), 'utf8');
  const [, script = ''] = /```js\n(.*?)```/s.exec(page) ?? [];
  for (const [name, text] of Object.entries({ ...files, 'verify.mjs': script })) {
    writeFileSync(join(clone.folder, name), text);
  }
  return (await promisify(execFile)(process.execPath, ['verify.mjs'], { cwd: clone.folder })).stdout;
}
