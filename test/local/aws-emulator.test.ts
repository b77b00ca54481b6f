import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createEvidenceKey, createTables } from '../../infra/local/emulator-services.ts';
import { readLocalOptions, UsageError } from '../../infra/local/options.ts';
import { startLocalRun } from '../../infra/local/run.ts';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { type SandboxServer, serveSandbox } from '../../infra/local/sandbox/server.ts';
import { lambdaServices } from '../../lambda/aws/aws-services.ts';
import { patientTimeouts } from '../../lambda/aws/clients.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { type Answer, answers, deadEndpoint, refuses, startAwsEndpoint } from '../support/aws-endpoint.ts';
import { account, deleteRequest, ketchWire, tenant } from '../support/ketch.ts';
import { emulated, type Moto, motoIsHere, startMoto } from '../support/moto.ts';

describe('evidence key of an emulator', () => {
  /** The calls that an emulator with these answers receives, in order. */
  async function calls(scripted: Readonly<Record<string, Answer>>): Promise<readonly string[]> {
    const endpoint = await startAwsEndpoint((call, response) => scripted[call.operation]?.(call, response));
    onTestFinished(endpoint.stop);
    const client = new KMSClient({ ...emulated(endpoint.endpoint), maxAttempts: 1 });
    await createEvidenceKey(client, 'alias/erasure-evidence');
    return endpoint.operations;
  }

  const none = refuses(400, 'NotFoundException');
  const made = answers(200, { KeyMetadata: { KeyId: 'key-1' } });

  test.each([
    ['an existing key is kept', { DescribeKey: made }, ['DescribeKey']],
    [
      'a missing key is created with its alias',
      { DescribeKey: none, CreateKey: made, CreateAlias: answers(200, {}) },
      ['DescribeKey', 'CreateKey', 'CreateAlias'],
    ],
    [
      'a key that another process creates first is no error',
      { DescribeKey: none, CreateKey: made, CreateAlias: refuses(400, 'AlreadyExistsException') },
      ['DescribeKey', 'CreateKey', 'CreateAlias'],
    ],
  ])('createEvidenceKey: %s', async (_, scripted, operations) => {
    expect(await calls(scripted)).toEqual(operations);
  });

  test.each([
    ['AccessDeniedException', { DescribeKey: refuses(400, 'AccessDeniedException') }],
    [
      'LimitExceededException',
      { DescribeKey: none, CreateKey: made, CreateAlias: refuses(400, 'LimitExceededException') },
    ],
  ])('createEvidenceKey: passes on %s', async (name, scripted) => {
    await expect(calls(scripted)).rejects.toMatchObject({ name });
  });
});

describe('tables of an emulator', () => {
  async function createdWith(answer: Answer) {
    const server = await startAwsEndpoint(answer);
    onTestFinished(server.stop);
    const client = new DynamoDBClient({ ...emulated(server.endpoint), maxAttempts: 1 });
    await createTables(client, { receipts: 'receipts', identifiers: 'identifiers' });
    return server.operations;
  }

  test('createTables: waits until both tables are active', async () => {
    const described = new Map<string, number>();
    const operations = await createdWith((call, response) => {
      if (call.operation === 'CreateTable') return answers(200, {})(call, response);
      const times = (described.get(call.body) ?? 0) + 1;
      described.set(call.body, times);
      return answers(200, { Table: { TableStatus: times === 1 ? 'CREATING' : 'ACTIVE' } })(call, response);
    });
    expect(Object.fromEntries(described)).toEqual({ '{"TableName":"receipts"}': 2, '{"TableName":"identifiers"}': 2 });
    expect(operations.filter(operation => operation === 'CreateTable')).toHaveLength(2);
  });

  test('createTables: passes on a refusal', async () => {
    const refused = createdWith(refuses(400, 'AccessDeniedException'));
    await expect(refused).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });
});

/** As long as the local gateway allows: the emulator is slow on a busy machine. */
const limits = { answerBudgetMs: 14_000 };
const ketch = { tenants: [tenant], environments: ['production'], identities: { account_id: 'source_id' } };
const secret = 'Bearer the-secret-of-an-emulated-run';
const texts = {
  'erasure/pepper': 'pepper-of-an-emulated-run-that-is-long-enough',
  'erasure/platform/ketch': JSON.stringify({ current: secret }),
  'erasure/voucherify/main': JSON.stringify({ appId: 'app-main', appToken: 'token-main' }),
};

describe.skipIf(!motoIsHere())('local run with AWS_ENDPOINT_URL', () => {
  let moto: Moto;
  let sandbox: Sandbox;
  let server: SandboxServer;

  beforeAll(async () => {
    moto = await startMoto();
    const keys = [{ project: 'main', appId: 'app-main', appToken: 'token-main' }];
    const seed = [{ source_id: 'crm-1', created_at: '2025-01-01T00:00:00.000Z' }];
    sandbox = openSandbox({ now: Date.now, keys, seed });
    server = await serveSandbox(sandbox, 0);
  });
  afterAll(async () => {
    await server.close();
    sandbox.close();
    await moto.stop();
  });
  beforeEach(() => {
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  });

  async function runAt(endpoint: string) {
    vi.stubEnv('AWS_ENDPOINT_URL', endpoint);
    const lines: string[] = [];
    const settings = { projects: { main: { baseUrl: server.url } }, platforms: { ketch }, limits };
    const variables = { PORT: '0', AWS_ENDPOINT_URL: endpoint, SWEEP_SECONDS: '3600', DATA_DIR: ':memory:' };
    const run = await startLocalRun({
      ...readLocalOptions(variables),
      log: line => lines.push(line),
      settings: parseSettings(JSON.stringify(settings), 'local'),
    });
    onTestFinished(() => run.close());
    return { ...run, lines };
  }

  test('requests: are refused without secrets and erase with them; nothing embedded replaces AWS', async () => {
    const run = await runAt(moto.endpoint);
    const send = async (uid: string) => {
      const request = deleteRequest({ identities: [account('crm-1')] }, { metadata: { uid, tenant } });
      const { headers, body } = ketchWire(request, { Authorization: secret });
      return fetch(`${run.url}/webhooks/ketch`, { method: 'POST', headers: headers as Record<string, string>, body });
    };
    expect(run.sandboxUrl).toBeUndefined();
    expect((await send('5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11')).status).toBe(503);
    expect(sandbox.calls()).toEqual([]);
    const client = new SecretsManagerClient({});
    for (const [Name, SecretString] of Object.entries(texts)) {
      await client.send(new CreateSecretCommand({ Name, SecretString }));
    }
    const answer = await send('5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c12');
    expect(await answer.json()).toMatchObject({ response: { status: 'completed', reason: 'executed' } });
    expect(sandbox.deletions()).toHaveLength(1);
  });

  test('deployed function: its parts are created once from its environment', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', moto.endpoint);
    const settings = { projects: { main: { baseUrl: 'https://api.voucherify.io' } }, platforms: { ketch } };
    const environment = {
      AWS_LAMBDA_FUNCTION_NAME: 'webhook',
      AWS_ENDPOINT_URL: moto.endpoint,
      SETTINGS_JSON: JSON.stringify(settings),
      SECRET_ARNS: JSON.stringify(Object.fromEntries(Object.keys(texts).map(name => [name, name]))),
      RECEIPTS_TABLE: 'erasure-receipts',
      IDENTIFIERS_TABLE: 'erasure-identifiers',
      METRICS_NAMESPACE: 'erasure',
    };
    const parts = await lambdaServices(environment, undefined, patientTimeouts);
    expect(parts()).toBe(parts());
    expect((await parts().pseudonymizer()).appId('x')).toMatch(/^[\w-]{43}$/);
    expect(await parts().store.read('unknown')).toBeUndefined();
    expect(await parts().control.count('a-count', 2_000_000_000)).toBe(1);
    await parts().wait(1);
  });

  test('unreachable endpoint: is a usage error', async () => {
    await expect(runAt(await deadEndpoint())).rejects.toThrow(UsageError);
  });

  test('endpoint without KMS: requests are served, and the log names what is missing', async () => {
    const known: Readonly<Record<string, object>> = {
      CreateTable: {},
      DescribeTable: { Table: { TableStatus: 'ACTIVE' } },
    };
    const endpoint = await startAwsEndpoint((call, response) => {
      const answer = known[call.operation];
      const reply = answer === undefined ? refuses(400, 'UnknownOperationException') : answers(200, answer);
      return reply(call, response);
    });
    onTestFinished(endpoint.stop);
    const { lines } = await runAt(endpoint.endpoint);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ call: 'CreateKey', code: 'UnknownOperationException' });
  });
});
