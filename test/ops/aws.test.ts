import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { readOptions } from '../../infra/local/options.ts';
import { type LocalRun, startLocalRun } from '../../infra/local/run.ts';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { type SandboxServer, serveSandbox } from '../../infra/local/sandbox/server.ts';
import { namesOf } from '../../infra/names.ts';
import { deployedDesk } from '../../infra/ops/desk.ts';
import { sweepHandler } from '../../lambda/sweeper.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { emulated, type Moto, motoIsHere, startMoto } from '../support/moto.ts';
import { run } from './desk-of.ts';
import { ops } from './ops-process.ts';

const secret = 'Bearer the-secret-of-an-operated-run';
const texts = {
  'erasure/pepper': 'pepper-of-an-operated-run-that-is-long-enough',
  'erasure/platform/ketch': JSON.stringify({ current: secret }),
  'erasure/voucherify/main': JSON.stringify({ appId: 'app-main', appToken: 'token-main' }),
};
const created_at = '2025-01-01T00:00:00.000Z';
const family = Array.from({ length: 7 }, (_, at) => ({
  source_id: `f-${at}`,
  email: 'shared@example.com',
  created_at,
}));

describe.skipIf(!motoIsHere())('ops on AWS interfaces', () => {
  let moto: Moto;
  let sandbox: Sandbox;
  let server: SandboxServer;
  let local: LocalRun;

  beforeAll(async () => {
    moto = await startMoto();
    const keys = [{ project: 'main', appId: 'app-main', appToken: 'token-main' }];
    sandbox = openSandbox({ now: Date.now, keys, seed: [{ source_id: 'crm-1', created_at }, ...family] });
    server = await serveSandbox(sandbox, 0);
  });
  afterAll(async () => {
    await server.close();
    sandbox.close();
    await moto.stop();
  });

  test('commands: find, show, list, refuse and report what the service did', async () => {
    const began = Date.now();
    const environment = {
      AWS_ENDPOINT_URL: moto.endpoint,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'nobody',
      AWS_SECRET_ACCESS_KEY: 'nothing',
    };
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const file = join(temporaryFolder(), 'settings.json');
    const identities = { account_id: 'source_id', email: 'email' };
    const ketch = { tenants: ['axonic'], environments: ['production'], identities };
    writeFileSync(file, JSON.stringify({ projects: { main: { baseUrl: server.url } }, platforms: { ketch } }));
    local = await startLocalRun({
      ...readOptions({ PORT: '0', SWEEP_SECONDS: '3600', SETTINGS: file, AWS_ENDPOINT_URL: moto.endpoint }),
      log: () => undefined,
    });
    onTestFinished(() => local.close());
    const secrets = new SecretsManagerClient(emulated(moto.endpoint));
    for (const [Name, SecretString] of Object.entries(texts)) {
      await secrets.send(new CreateSecretCommand({ Name, SecretString }));
    }
    await ask('5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11', { identitySpace: 'account_id', identityValue: 'crm-1' }, 200);
    // Ketch is told to come back where it named no callback.
    await ask(
      '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c12',
      { identitySpace: 'email', identityValue: 'shared@example.com' },
      503,
    );
    const sweep = sweepHandler(() => local.parts);
    await sweep();
    const found = ops(['find', '--source-id', '-', '--json', '--settings', file], environment, 'crm-1');
    expect(found).toMatchObject({ status: 0, stderr: '' });
    const { receipts } = JSON.parse(found.stdout) as { receipts: { receipt: string; signed: boolean }[] };
    expect(receipts).toMatchObject([{ outcome: 'erased', proof: { deleted: 1, gone: 0 }, signed: true }]);
    const desk = deployedDesk(local.parts.settings, namesOf());
    onTestFinished(() => desk.close());
    const erased = receipts[0]!.receipt;
    const [jws = ''] = (await run(desk, 'show', erased, '--jws')).lines;
    const keys = (await run(desk, 'jwks')).json as JSONWebKeySet;
    const { payload } = await compactVerify(jws, createLocalJWKSet(keys));
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({ receipt: erased });
    expect((await run(desk, 'show', erased)).lines.join()).toContain('the signature is good');

    const waiting = (await run(desk, 'list', '--json')).json as { receipt: string }[];
    expect(waiting).toMatchObject([{ state: 'needs-human', why: 'too-many-matches' }]);
    const refused = await run(desk, 'refuse', waiting[0]!.receipt, '--why', 'a shared mailbox', '--by', 'zoe');
    expect(refused.status).toBe(0);
    await sweep();
    const year = new Date(began).getUTCFullYear();
    const days = ['--from', `${year}-01-01`, '--to', `${year + 1}-12-31`];
    const report = ops(['report', ...days, '--settings', file], environment);
    expect(report).toMatchObject({ status: 0, stderr: '' });
    expect(report.stdout.split('\r\n').at(-2)).toMatch(/^total,2,1,1,0,0,1,0,/);
  });

  async function ask(uid: string, identity: object, status: number): Promise<void> {
    const request = { environment: 'production', identities: [identity] };
    const body = { apiVersion: 'dsr/v1', kind: 'DeleteRequest', metadata: { uid, tenant: 'axonic' }, request };
    const headers = { 'Content-Type': 'application/json', Authorization: secret };
    const answer = await fetch(`${local.url}/webhooks/ketch`, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(answer.status).toBe(status);
  }
});
