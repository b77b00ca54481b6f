import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { expectAnswer, type Fixture, sharedFixtures, wireOf } from '../support/conformance.ts';
import { sendOver } from '../support/http.ts';
import { runToEnd, startLocalProcess, temporaryFolder } from '../support/local-process.ts';

const clock = '2026-01-15T12:00:00.000Z';
/** Seconds that the clock may have run on since it was set. */
const late = 290;
const fixtures = sharedFixtures('ketch').filter(fixture => 'request' in fixture);
const named = (name: string) => fixtures.find(({ fixture }) => fixture === `ketch/${name}`)!;
const ada = { source_id: 'crm-10042', email: 'ada@example.com', created_at: '2025-03-01T09:00:00.000Z' };

function settingsIn(folder: string): string {
  const file = join(folder, 'settings.json');
  const ketch = {
    tenants: ['axonic'],
    environments: ['production'],
    identities: { account_id: 'source_id', email: 'email', phone: 'phone' },
    callbackOrigins: ['https://dsr.ketch.com'],
  };
  const projects = { main: { baseUrl: 'https://api.voucherify.io' } };
  const limits = { answerBudgetMs: 14_000 };
  writeFileSync(file, JSON.stringify({ projects, platforms: { ketch }, limits }));
  return file;
}

const post = (path: string, body: object) => ({
  path,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});

describe.skipIf(fixtures.length === 0)('npm start', () => {
  test('serves the fixtures of Ketch over HTTP, keeps its files, and stops cleanly when it is told to', async () => {
    const folder = temporaryFolder();
    const variables = { DATA_DIR: join(folder, 'data'), SETTINGS: settingsIn(folder), CLOCK: clock };
    const run = await startLocalProcess(variables);
    const send = (fixture: Fixture, rawBody = fixture.request.rawBody) =>
      sendOver(run.url, { ...wireOf(fixture, '/webhooks/ketch'), body: rawBody });
    expect(run.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const full = named('delete-request');
    expectAnswer(await send(named('unauthorized')), named('unauthorized').responses['rejected']!);
    expectAnswer(
      await send(named('access-request-unsupported')),
      named('access-request-unsupported').responses['rejected']!,
    );
    const first = await send(full);
    expectAnswer(first, full.responses['deleted']!, late);
    expect((await send(full)).text).toBe(first.text);
    await sendOver(run.sandboxUrl, post('/sandbox/customers', ada));
    expectAnswer(
      await send(named('delete-request-minimal')),
      named('delete-request-minimal').responses['deleted']!,
      late,
    );
    const later = '22880925-aac5-42f9-a653-cb6921d36101';
    await sendOver(run.sandboxUrl, post('/sandbox/outage', { mode: 'down' }));
    const open = await send(full, full.request.rawBody.replace('22880925-aac5-42f9-a653-cb6921d361ff', later));
    expect(open).toMatchObject({
      status: 200,
      json: { response: { status: 'in_progress' }, metadata: { uid: later } },
    });
    expect((await sendOver(run.url, { ...wireOf(full, '/webhooks/nobody') })).status).toBe(404);
    const { code, signal, stderr } = await run.stop();
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    for (const line of stderr.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('event');
    for (const known of ['crm-10042', 'ada@example.com', 'ketch-shared-secret', 'cb-token-1', 'Ada', 'LC-1']) {
      expect(stderr).not.toContain(known);
    }
    const again = await startLocalProcess(variables);
    const kept = await sendOver(again.url, wireOf(full, '/webhooks/ketch'));
    expect(kept.text).toBe(first.text);
    expect((await again.stop('SIGINT')).code).toBe(0);
  });
});

describe('npm start that cannot', () => {
  const oneLine = { code: 1, signal: null, stdout: '' };

  test('have its port says so', async () => {
    const other = createServer();
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const { stderr, ...end } = await runToEnd({ PORT: String(port), DATA_DIR: ':memory:' });
    expect(end).toEqual(oneLine);
    expect(stderr).toBe(`port ${port} is in use: set PORT to another one\n`);
  });

  test('read its settings says what is wrong with them, and shows no value', async () => {
    const file = join(temporaryFolder(), 'settings.json');
    writeFileSync(file, JSON.stringify({ projects: { main: { baseUrl: 'https://kqzvwxjy.example' } }, platforms: {} }));
    const { stderr, ...end } = await runToEnd({ PORT: '0', DATA_DIR: ':memory:', SETTINGS: file });
    expect(end).toEqual(oneLine);
    expect(stderr).toBe(
      `${file}: settings: projects.main.baseUrl: must be the https origin of a Voucherify API endpoint\n`,
    );
  });

  test('keep its files says so', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const { stderr, ...end } = await runToEnd({ PORT: '0', DATA_DIR: file });
    expect(end).toEqual(oneLine);
    expect(stderr).toBe(`DATA_DIR: the files of the local run cannot be opened in ${file}\n`);
  });

  test('understand its variables says so in one line', async () => {
    const { stderr, ...end } = await runToEnd({ PORT: 'x', CLOCK: 'noon' });
    expect(end).toEqual(oneLine);
    expect(stderr).toMatch(/^PORT: .*; CLOCK: .*\n$/);
  });

  test('do anything but help, when it is asked to', async () => {
    const { stdout, ...end } = await runToEnd({ PORT: 'x' }, '--help');
    expect(end).toEqual({ code: 0, signal: null, stderr: '' });
    for (const name of [
      'npm start',
      'PORT',
      'SETTINGS',
      'DATA_DIR',
      'SWEEP_SECONDS',
      'CLAIM_SECONDS',
      'BACKOFF_SECONDS',
      'CLOCK',
      'AWS_ENDPOINT_URL',
    ]) {
      expect(stdout).toContain(name);
    }
  });
});
