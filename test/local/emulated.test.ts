import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { readOptions, UsageError } from '../../infra/local/options.ts';
import { startLocalRun } from '../../infra/local/run.ts';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { type SandboxServer, serveSandbox } from '../../infra/local/sandbox/server.ts';
import { patientTimeouts } from '../../lambda/io/aws-clients.ts';
import { deployedParts } from '../../lambda/io/aws-ports.ts';
import { parseSettings } from '../../lambda/io/settings.ts';
import { startAwsEndpoint } from '../support/aws-endpoint.ts';
import { type Moto, motoIsHere, startMoto } from '../support/moto.ts';

/** As long as the local gateway allows: the emulator is slow on a busy machine. */
const limits = { answerBudgetMs: 14_000 };
const ketch = { tenants: ['axonic'], environments: ['production'], identities: { account_id: 'source_id' } };
const secret = 'Bearer the-secret-of-an-emulated-run';
const texts = {
  'erasure/pepper': 'pepper-of-an-emulated-run-that-is-long-enough',
  'erasure/platform/ketch': JSON.stringify({ current: secret }),
  'erasure/voucherify/main': JSON.stringify({ appId: 'app-main', appToken: 'token-main' }),
};

function deleteRequest(uid: string): string {
  const identities = [{ identitySpace: 'account_id', identityValue: 'crm-1' }];
  const metadata = { uid, tenant: 'axonic' };
  const request = { environment: 'production', identities };
  return JSON.stringify({ apiVersion: 'dsr/v1', kind: 'DeleteRequest', metadata, request });
}

describe.skipIf(!motoIsHere())('with AWS_ENDPOINT_URL', () => {
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
    vi.stubEnv('AWS_ENDPOINT_URL', moto.endpoint);
    vi.stubEnv('AWS_REGION', 'eu-central-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'nobody');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'nothing');
  });

  const options = () => ({
    ...readOptions({ PORT: '0', AWS_ENDPOINT_URL: moto.endpoint, SWEEP_SECONDS: '3600', DATA_DIR: ':memory:' }),
    log: () => undefined,
    settings: parseSettings(
      JSON.stringify({ projects: { main: { baseUrl: server.url } }, platforms: { ketch }, limits }),
      'local',
    ),
  });

  test('a local run makes its tables, refuses without secrets, and erases with them; nothing embedded stands in', async () => {
    const run = await startLocalRun(options());
    const send = async (uid: string) => {
      const headers = { 'Content-Type': 'application/json', Authorization: secret };
      return fetch(`${run.url}/webhooks/ketch`, { method: 'POST', headers, body: deleteRequest(uid) });
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
    await run.close();
  });

  test('the parts of a deployed function are put together from its environment, once', async () => {
    const arns = Object.fromEntries(Object.keys(texts).map(name => [name, name]));
    const settings = { projects: { main: { baseUrl: 'https://api.voucherify.io' } }, platforms: { ketch } };
    const parts = await deployedParts(
      {
        AWS_LAMBDA_FUNCTION_NAME: 'webhook',
        SETTINGS_JSON: JSON.stringify(settings),
        SECRET_ARNS: JSON.stringify(arns),
        RECEIPTS_TABLE: 'erasure-receipts',
        IDENTIFIERS_TABLE: 'erasure-identifiers',
        METRICS_NAMESPACE: 'erasure',
      },
      undefined,
      patientTimeouts,
    );
    expect(parts()).toBe(parts());
    expect((await parts().macs()).appId('x')).toMatch(/^[\w-]{43}$/);
    expect(await parts().store.read('nobody')).toBeUndefined();
    expect(await parts().control.count('a-count', 2_000_000_000)).toBe(1);
    await parts().wait(1);
  });

  test('an endpoint where no tables can be made is one clear line', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:9');
    await expect(startLocalRun(options())).rejects.toThrow(UsageError);
  });

  test('an endpoint without KMS serves all the same, and the log says what is missing', async () => {
    const answers: Readonly<Record<string, string>> = {
      CreateTable: '{}',
      DescribeTable: '{"Table":{"TableStatus":"ACTIVE"}}',
    };
    const endpoint = await startAwsEndpoint(({ operation }, response) => {
      const answer = answers[operation];
      response.statusCode = answer === undefined ? 400 : 200;
      response.end(answer ?? '{"__type":"UnknownOperationException"}');
    });
    onTestFinished(endpoint.stop);
    vi.stubEnv('AWS_ENDPOINT_URL', endpoint.endpoint);
    const lines: string[] = [];
    const run = await startLocalRun({ ...options(), log: line => lines.push(line) });
    onTestFinished(() => run.close());
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ call: 'CreateKey', code: 'UnknownOperationException' });
  });
});
