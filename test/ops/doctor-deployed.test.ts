import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { CreateAliasCommand, CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createEvidenceKey, createTables } from '../../infra/local/emulator-services.ts';
import { readLocalOptions } from '../../infra/local/options.ts';
import { startLocalRun } from '../../infra/local/run.ts';
import { openSandbox } from '../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { deployedContext, localContext } from '../../infra/ops/context.ts';
import { deployedName, type Names, namesOf } from '../../infra/stack/names.ts';
import { writeHeartbeat } from '../../lambda/control/sweep-state.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { leaks, Planted } from '../support/canary.ts';
import { startLocalProcess, temporaryFolder } from '../support/local-process.ts';
import { emulated, motoIsHere } from '../support/moto.ts';
import { motoForSuite } from '../support/moto-suite.ts';
import { ketch } from './check-harness.ts';
import { ops, run } from './ops-harness.ts';

/** A zip file without entries: only the end of its central directory. */
const emptyZip = Uint8Array.from([0x50, 0x4b, 0x05, 0x06, ...Array<number>(18).fill(0)]);

describe.skipIf(!motoIsHere())('doctor of a deployment, on moto', () => {
  const moto = motoForSuite();
  const credentials = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const environment = () => ({ ...credentials, AWS_ENDPOINT_URL: moto().endpoint });

  beforeEach(() => {
    for (const [name, value] of Object.entries(environment())) vi.stubEnv(name, value);
  });

  /** Tables, key and secrets of a stage, and a sandbox Voucherify on this machine. */
  async function deployed(stage: string, texts: Readonly<Record<string, string>> = {}) {
    const planted = new Planted();
    const names = namesOf(stage);
    const key = { appId: planted.token('app id'), appToken: planted.token('app token') };
    const sandbox = openSandbox({ now: Date.now, keys: [{ ...key, project: 'main' }] });
    const server = await serveSandbox(sandbox, 0);
    onTestFinished(async () => {
      await server.close();
      sandbox.close();
    });
    const secrets = {
      'erasure/pepper': `pepper-${planted.token('pepper').repeat(2)}`,
      'erasure/platform/ketch': JSON.stringify({ current: `Bearer ${planted.token('ketch')}` }),
      'erasure/voucherify/main': JSON.stringify(key),
      ...texts,
    };
    await made(names, secrets);
    const operations = { alarmEmail: 'on-call@example.com' };
    const settings = JSON.stringify({ projects: { main: { baseUrl: server.url } }, platforms: { ketch }, operations });
    await createWebhook(names, settings);
    await sns({ Action: 'CreateTopic', Name: `${names.prefix}-alarms` });
    return { names, planted, settings };
  }

  async function sns(action: Readonly<Record<string, string>>): Promise<void> {
    const headers = { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/sns/aws4_request' };
    const body = new URLSearchParams({ ...action, Version: '2010-03-31' });
    expect((await fetch(moto().endpoint, { method: 'POST', headers, body })).status).toBe(200);
  }

  /** moto confirms every subscription. */
  function subscribe({ prefix }: Names): Promise<void> {
    const TopicArn = `arn:aws:sns:eu-west-1:123456789012:${prefix}-alarms`;
    return sns({ Action: 'Subscribe', TopicArn, Protocol: 'email', Endpoint: 'on-call@example.com' });
  }

  /** Creates the function, whose environment contains the deployed settings. moto wants a role that exists. */
  async function createWebhook({ prefix, receipts, identifiers }: Names, SETTINGS_JSON: string): Promise<void> {
    const role = { Action: 'CreateRole', RoleName: prefix, AssumeRolePolicyDocument: '{}', Version: '2010-05-08' };
    const headers = { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request' };
    await fetch(moto().endpoint, { method: 'POST', headers, body: new URLSearchParams(role) });
    const tables = { RECEIPTS_TABLE: receipts, IDENTIFIERS_TABLE: identifiers };
    const client = new LambdaClient(emulated(moto().endpoint));
    await client.send(
      new CreateFunctionCommand({
        Publish: true,
        FunctionName: `${prefix}-webhook`,
        Role: `arn:aws:iam::123456789012:role/${prefix}`,
        Runtime: 'nodejs22.x',
        Handler: 'index.handler',
        Code: { ZipFile: emptyZip },
        Environment: { Variables: { SETTINGS_JSON, SECRET_ARNS: '{}', METRICS_NAMESPACE: prefix, ...tables } },
      }),
    );
    const alias = { FunctionName: `${prefix}-webhook`, Name: 'live', FunctionVersion: '1' };
    await client.send(new CreateAliasCommand(alias));
  }

  async function made(names: Names, secrets: Readonly<Record<string, string>>): Promise<void> {
    const options = emulated(moto().endpoint);
    await createTables(new DynamoDBClient(options), names);
    await createEvidenceKey(new KMSClient(options), names.evidenceKey);
    const client = new SecretsManagerClient(options);
    for (const [name, SecretString] of Object.entries(secrets)) {
      await client.send(new CreateSecretCommand({ Name: deployedName(name, names), SecretString }));
    }
  }

  test('stage: is fine, and the protection of its tables is missing until it is set up', async () => {
    const { names, planted, settings } = await deployed('one');
    const context = deployedContext(parseSettings(settings, 'local'), names);
    onTestFinished(() => context.close());
    await writeHeartbeat(context.control, { at: Date.now(), mostUrgent: undefined });
    const silent = await run(context, 'doctor');
    expect(silent.lines.filter(line => line.startsWith('✗'))).toEqual([
      '✗ alarms       NO ONE RECEIVES THE ALARMS: set operations.alarmEmail and deploy, or subscribe an address to the alarm topic',
    ]);
    await subscribe(names);
    const bare = await run(context, 'doctor');
    expect(bare.lines.filter(line => line.startsWith('✗'))).toEqual([]);
    expect(bare.lines).toContain('✓ alarms       the topic erasure-one-alarms has one subscription');
    expect(bare.lines.filter(line => line.startsWith('!'))).toEqual([
      expect.stringMatching(/^! tables +erasure-one-receipts: .*expired rows are never deleted/),
      expect.stringMatching(/^! tables +erasure-one-identifiers: point-in-time recovery is off/),
    ]);
    expect(bare.status).toBe(0);
    const identity =
      /^✓ identity +account 123456789012, region eu-west-1, stage one \(erasure-one\), as arn:aws:sts::123456789012:/;
    expect(bare.lines[0]).toMatch(identity);
    expect(bare.lines).toContainEqual(expect.stringMatching(/^✓ deployed +the function has the same settings/));
    await context.protectTables!(await context.tables!());
    const { lines } = await run(context, 'doctor');
    expect(leaks(planted.tokens, { lines: [...bare.lines, ...lines].join() })).toEqual([]);
    expect(lines.at(-1)).toMatch(/^\d+ ok, 0 warnings, 0 wrong$/);
  });

  test('secret and alarm topic: are written and read, and what does not exist is named without a value', async () => {
    const { names, settings } = await deployed('four');
    const context = deployedContext(parseSettings(settings, 'local'), names);
    const nowhere = deployedContext(parseSettings(settings, 'local'), namesOf('nowhere'));
    onTestFinished(() => {
      context.close();
      nowhere.close();
    });
    await context.writeSecret!('erasure/platform/ketch', '{"current":"another"}');
    expect(await context.readSecret('erasure/platform/ketch', { fresh: true })).toBe('{"current":"another"}');
    await expect(nowhere.writeSecret!('erasure/platform/ketch', 'planted')).rejects.toThrow(
      /^erasure-nowhere\/platform\/ketch does not exist: deploy first, or check --stage and the region$/,
    );
    expect(await context.deployment!.alarmSubscribers()).toEqual({ confirmed: 0, pending: 0 });
    await expect(nowhere.deployment!.alarmSubscribers()).rejects.toMatchObject({ name: 'NotFound' });
  });

  test('process: names a wrong secret by its deployed name, shows none, and exits with 1', async () => {
    const { planted, settings } = await deployed('two', { 'erasure/platform/ketch': '{"current":"REPLACE_ME"}' });
    const file = join(temporaryFolder(), 'settings.json');
    // No server listens there: this process cannot answer while it waits for another.
    writeFileSync(file, settings.replace(/http:[^"]+/, 'http://127.0.0.1:9'));
    const { status, stdout, stderr } = ops(['doctor', '--stage', 'three', '--settings', file], environment());
    expect(status).toBe(1);
    expect(stdout).toContain('✗ secrets      erasure-three/platform/ketch: cannot be read');
    expect(stderr).toContain('GetSecretValue of erasure/platform/ketch: ResourceNotFoundException');
    const wrong = ops(['doctor', '--stage', 'two', '--settings', file], environment());
    expect(wrong.stdout).toContain('✗ secrets      erasure-two/platform/ketch: still contains REPLACE_ME');
    expect(wrong.stdout).toContain('✗ schedule     no sweep has ended yet');
    expect(leaks(planted.tokens, { stdout: stdout + wrong.stdout, stderr: stderr + wrong.stderr })).toEqual([]);
  });
});

describe('doctor and try while npm start runs', () => {
  /** A local run in this process, and the operator's context, which reads its clock when it is opened. */
  const besideRun = async () => {
    const DATA_DIR = temporaryFolder();
    const options = readLocalOptions({ PORT: '0', DATA_DIR, SWEEP_SECONDS: '86400' });
    const local = await startLocalRun({ ...options, log: () => undefined });
    onTestFinished(() => local.close());
    const context = () => {
      const opened = localContext({ DATA_DIR });
      onTestFinished(() => opened.close());
      return opened;
    };
    return { local, context };
  };

  test('npm start: is found while it runs, and no longer when it ended', async () => {
    const DATA_DIR = temporaryFolder();
    const local = await startLocalProcess({ DATA_DIR, SWEEP_SECONDS: '0.5' });
    const doctor = ops(['doctor', '--local', '--json'], { DATA_DIR });
    const says = expect.stringContaining(`running at ${local.url} since 20`);
    expect(JSON.parse(doctor.stdout)).toContainEqual({ check: 'npm start', grade: 'ok', message: says });
    expect(doctor.status, doctor.stdout).toBe(0);
    expect(ops(['try', 'ketch', '--local'], { DATA_DIR })).toMatchObject({ status: 0, stderr: '' });
    await local.stop();
    expect(ops(['try', 'ketch', '--local'], { DATA_DIR })).toMatchObject({
      status: 2,
      stderr: '--local: npm start is not running in the folder that DATA_DIR names\n',
    });
  });

  test('clock of the run is an hour ahead: every check uses it, and no setting looks wrong', async () => {
    const { local, context } = await besideRun();
    const headers = { 'Content-Type': 'application/json', Origin: local.url };
    const moved = await fetch(`${local.url}/local/time`, { method: 'POST', headers, body: '{"minutes":60}' });
    expect(moved.status).toBe(200);
    const { status, lines } = await run(context(), 'doctor');
    expect(status, lines.join('\n')).toBe(0);
    const warnings = lines.filter(line => line.startsWith('!'));
    expect(warnings).toEqual([expect.stringMatching(/^! clock +the clock of this run is 1 h 0 min ahead of this/)]);
    expect(lines.join('\n')).toMatch(/✓ voucherify +main: limit 100 per minute/);
    expect(lines.join('\n')).toMatch(/✓ schedule +a sweep ended \d s ago/);
  });

  test.each([
    ['key', 'HTTP 401'],
    ['quota', 'HTTP 429'],
    ['error', 'HTTP 500'],
    ['down', 'no response (connection-lost)'],
  ])('sandbox with the outage %s: the doctor says how to end it', async (mode, says) => {
    const { local, context } = await besideRun();
    const outage = (body: string) => fetch(`${local.sandboxUrl}/sandbox/outage`, { method: 'POST', body });
    await outage(JSON.stringify({ mode }));
    const ended = `choose Works under Voucherify on the page of npm start (${local.url}/), or POST {"mode":null} to ${local.sandboxUrl}/sandbox/outage`;
    const { status, lines } = await run(context(), 'doctor');
    expect(status).toBe(1);
    expect(lines.filter(line => line.startsWith('✗'))).toEqual([`✗ voucherify   main: ${says}: ${ended}`]);
    await outage('{"mode":null}');
    expect((await run(context(), 'doctor')).status).toBe(0);
  });
});
