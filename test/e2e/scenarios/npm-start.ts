import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DynamoDBClient, ListTablesCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { openSandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../../infra/local/sandbox/server.ts';
import { emulated, startMoto } from '../../support/moto.ts';
import { root } from '../support/assembly.ts';
import type { Checks } from '../support/checks.ts';
import { deleteRequest, ketchSecret } from '../support/messages.ts';

const key = { appId: 'app-of-npm-start', appToken: 'token-of-npm-start' };

/** Checks the local run with the real AWS adapters, on its own emulator and without embedded services. */
export async function npmStart(checks: Checks): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'erasure-start-'));
  const sandbox = openSandbox({ now: Date.now, keys: [{ ...key, project: 'main' }] });
  const customer = sandbox.register({ source_id: 'crm-10042', created_at: '2025-03-01T09:00:00.000Z' }, 'main');
  const server = await serveSandbox(sandbox, 0);
  const moto = await startMoto();
  const secrets = new SecretsManagerClient(emulated(moto.endpoint));
  const dynamodb = new DynamoDBClient(emulated(moto.endpoint));
  const settings = join(folder, 'settings.json');
  writeFileSync(settings, JSON.stringify(settingsWith(server.url)));
  const run = startRun({ SETTINGS: settings, AWS_ENDPOINT_URL: moto.endpoint });
  try {
    const url = await run.ready;
    await checks.step('creates the tables; without secrets it replies 503 and stores nothing', async () => {
      const { TableNames = [] } = await dynamodb.send(new ListTablesCommand({}));
      assert.deepEqual(TableNames.toSorted(), ['erasure-identifiers', 'erasure-receipts']);
      assert.equal((await post(url)).status, 503);
      assert.equal((await dynamodb.send(new ScanCommand({ TableName: 'erasure-receipts' }))).Count, 0);
    });
    await checks.step('erases when the secrets exist under their design names', async () => {
      const texts = {
        'erasure/pepper': 'pepper-of-the-e2e-run-that-is-long-enough-for-it',
        'erasure/platform/ketch': JSON.stringify({ current: ketchSecret }),
        'erasure/voucherify/main': JSON.stringify(key),
      };
      for (const [Name, SecretString] of Object.entries(texts)) {
        await secrets.send(new CreateSecretCommand({ Name, SecretString }));
      }
      const reply = await post(url);
      assert.equal(reply.status, 200, await reply.text());
      assert.deepEqual(
        sandbox.deletions().map(({ customerId }) => customerId),
        [customer],
      );
    });
    await checks.step('stops cleanly on SIGTERM', async () => assert.equal(await run.stop(), 0));
  } finally {
    run.kill();
    secrets.destroy();
    dynamodb.destroy();
    await moto.stop();
    await server.close();
    sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function settingsWith(baseUrl: string) {
  const ketch = { tenants: ['axonic'], environments: ['production'], identities: { account_id: 'source_id' } };
  return { projects: { main: { baseUrl } }, platforms: { ketch } };
}

async function post(url: string): Promise<Response> {
  const { path, headers, body } = deleteRequest('crm-10042');
  const bytes = Buffer.from(String(body), 'base64');
  return fetch(`${url}${path}`, {
    method: 'POST',
    headers: Object.entries(headers ?? {}).map(([n, h]) => [n, String(h)]),
    body: bytes,
  });
}

function startRun(variables: Readonly<Record<string, string>>) {
  const credentials = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
  const child = spawn(process.execPath, ['infra/local/start.ts'], {
    cwd: root,
    env: { ...credentials, ...variables, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<number | null>(resolve => child.once('close', resolve));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    ready: announced(child),
    kill,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

async function announced(child: ChildProcess): Promise<string> {
  const printed: string[] = [];
  child.stderr?.on('data', chunk => printed.push(String(chunk)));
  if (child.stdout !== null) {
    for await (const line of createInterface({ input: child.stdout })) {
      const url = /^ready (http:\S+)$/.exec(line)?.[1];
      if (url !== undefined) return url;
    }
  }
  throw new Error(`npm start did not become ready: ${printed.join('')}`);
}
