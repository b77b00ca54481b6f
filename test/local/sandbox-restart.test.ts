import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDatabase, transaction } from '../../infra/local/sandbox/database.ts';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';

const NOW = Date.parse('2026-01-15T12:00:00.000Z');
const KEYS = [{ appId: 'app-1', appToken: 'token-1', project: 'main' }];
const HEADERS = { 'x-app-id': 'app-1', 'x-app-token': 'token-1' };

let folder = '';
let file = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandbox-'));
  file = join(folder, 'voucherify.sqlite');
});

afterEach(() => rmSync(folder, { recursive: true }));

function opened(): Sandbox {
  return openSandbox({ file, now: () => NOW, keys: KEYS, seed: seededCustomers });
}

/** A process that erases Ada in the same file, says so, and would then live on. */
const VICTIM = `
  import { openSandbox } from ${JSON.stringify(new URL('../../infra/local/sandbox/sandbox.ts', import.meta.url).href)};
  import { seededCustomers } from ${JSON.stringify(new URL('../../infra/local/sandbox/seeded-customers.ts', import.meta.url).href)};
  const [file, now, keys, headers] = JSON.parse(process.argv[1]);
  const sandbox = openSandbox({ file, now: () => now, keys, seed: seededCustomers });
  const target = '/v1/customers/crm-10042/permanent-deletion';
  console.log(sandbox.respond({ method: 'POST', target, headers, body: '' }).status);
  setInterval(() => {}, 1000);
`;

test('a process killed right after its answer has kept the deletion, the call and the quota', async () => {
  const argument = JSON.stringify([file, NOW, KEYS, HEADERS]);
  const child = spawn(process.execPath, ['--input-type=module', '-e', VICTIM, argument], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(String(said).trim()).toBe('200');
  const sandbox = opened();
  expect(sandbox.deletions()).toMatchObject([{ project: 'main', sourceId: 'crm-10042', at: NOW }]);
  expect(sandbox.customers().map(customer => customer.source_id)).not.toContain('crm-10042');
  expect(sandbox.customers()).toHaveLength(5);
  expect(sandbox.calls()).toMatchObject([{ kind: 'permanent-deletion', status: 200 }]);
  const next = sandbox.respond({ method: 'GET', target: '/v1/customers/crm-10042', headers: HEADERS, body: '' });
  expect([next.status, next.headers['x-rate-limit-remaining']]).toEqual([404, '98']);
  sandbox.close();
});

test('tokens outlive a restart', () => {
  const first = opened();
  const headers = { ...HEADERS, 'content-type': 'application/x-www-form-urlencoded' };
  const body = 'grant_type=client_credentials&scope=api';
  const granted = first.respond({ method: 'POST', target: '/v1/oauth/token', headers, body });
  first.close();
  const second = opened();
  const authorization = `Bearer ${/"access_token":"(\w+)"/.exec(granted.body)?.[1]}`;
  const get = { method: 'GET', target: '/v1/customers/crm-10042', headers: { authorization }, body: '' };
  expect(second.respond(get).status).toBe(200);
  second.close();
  expect(() => second.respond(get)).toThrow('not open');
});

test('a file whose seeding failed counts as new', () => {
  expect(() =>
    openDatabase(file, () => {
      throw new Error('killed');
    }),
  ).toThrow('killed');
  const sandbox = opened();
  expect(sandbox.customers()).toHaveLength(6);
  sandbox.close();
});

test('a transaction that throws keeps nothing', () => {
  const sql = openDatabase(file, () => undefined);
  const spend = () => sql.run`INSERT INTO windows (project, starts, used) VALUES ('main', 0, 1)`;
  expect(() =>
    transaction(sql, () => {
      spend();
      throw new Error('halfway');
    }),
  ).toThrow('halfway');
  expect(sql.all`SELECT * FROM windows`).toEqual([]);
  expect(transaction(sql, () => spend().changes)).toBe(1);
  expect(sql.all`SELECT * FROM windows`).toHaveLength(1);
  sql.db.close();
});

test('a file that is no database is refused', () => {
  writeFileSync(file, 'plainly not a database, and long enough to be looked at');
  expect(opened).toThrow('not a database');
});
