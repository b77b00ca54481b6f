import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openDatabase, transaction } from '../../infra/local/sandbox/database.ts';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { sendOver } from '../support/event.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { ADA, KEYS, key, START, servedSandbox } from '../support/sandbox.ts';

const crm = '/v1/customers/crm-10042';

describe('sandbox server', () => {
  const served = servedSandbox();
  const { get, post } = served;
  const statusOf = async (path: string) => (await get(path)).status;

  test('API: bodies and raw paths arrive unchanged', async () => {
    const source_id = 'ünï/cödé';
    expect(await (await post('/v1/customers', { source_id, name: 'Zoë' })).json()).toMatchObject({ source_id });
    const read = await get(`/v1/customers/${encodeURIComponent(source_id)}`);
    expect(await read.json()).toMatchObject({ name: 'Zoë' });
    const socket = connect(served.server.port, '127.0.0.1');
    const head = ['POST /v1/customers/../permanent-deletion HTTP/1.1', 'Host: x', 'X-App-Id: app-1'];
    socket.end([...head, 'X-App-Token: token-1', '', ''].join('\r\n'));
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 404 /);
    expect(served.sandbox.deletions()).toEqual([]);
  });

  test('port: an occupied port is an error for the caller', async () => {
    await expect(serveSandbox(served.sandbox, served.server.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('close: frees the port and leaves the sandbox open', async () => {
    await get(crm);
    await served.server.close();
    await expect(get(crm)).rejects.toThrow('fetch failed');
    served.server = await serveSandbox(served.sandbox, served.server.port);
    expect(await statusOf(crm)).toBe(200);
  });

  test('internal error: is a 500 that says so', async () => {
    served.sandbox.close();
    const answer = await get(crm);
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ message: expect.stringContaining('the sandbox failed') });
  });

  test('aborted upload: does not affect later requests', async () => {
    const socket = connect(served.server.port, '127.0.0.1');
    socket.write('POST /v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"half');
    await once(socket, 'connect');
    await get(crm);
    socket.destroy();
    await once(socket, 'close');
    expect(await statusOf(crm)).toBe(200);
    expect(served.sandbox.customers()).toHaveLength(6);
  });

  test('outage down: breaks the connection', async () => {
    served.sandbox.outage('down');
    await expect(get(crm)).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } });
    served.sandbox.outage(undefined);
    expect(await statusOf(crm)).toBe(200);
  });

  test('outage hang: never answers, and does not prevent the server from closing', async () => {
    served.sandbox.outage('hang');
    const caller = new AbortController();
    const hanging = fetch(`${served.server.url}${crm}`, { headers: key(1), signal: caller.signal });
    const ended = expect(hanging).rejects.toMatchObject({ name: 'AbortError' });
    await expect.poll(() => served.sandbox.calls().length).toBe(1);
    caller.abort();
    await ended;
    const another = expect(get(crm)).rejects.toThrow('fetch failed');
    await expect.poll(() => served.sandbox.calls().length).toBe(2);
    await served.server.close();
    await another;
  });

  test('POST /sandbox/outage: starts and ends an outage, also during one', async () => {
    expect(await (await post('/sandbox/outage', { mode: 'error' })).json()).toEqual({ mode: 'error' });
    const broken = await get(crm);
    expect([broken.status, broken.headers.get('content-type')]).toEqual([500, 'text/html; charset=utf-8']);
    await post('/sandbox/outage', { mode: 'down' });
    for (const path of ['deletions', 'customers']) expect(await statusOf(`/sandbox/${path}`)).toBe(200);
    expect(await (await post('/sandbox/outage', { mode: null })).json()).toEqual({ mode: null });
    expect(await statusOf(crm)).toBe(200);
  });

  test.each([
    ['quota', 429, 'api_calls_cycle'],
    ['key', 401, null],
  ])('outage %s: responds %i to every call', async (mode, status, type) => {
    await post('/sandbox/outage', { mode });
    const refused = await get(crm);
    expect([refused.status, refused.headers.get('x-rate-limit-type')]).toEqual([status, type]);
    expect(served.sandbox.currentOutage()).toBe(mode);
    expect(served.sandbox.calls()).toMatchObject([{ status }]);
  });

  test('callbacks: are accepted', async () => {
    expect((await post('/sandbox/callbacks', { any: 'thing' })).status).toBe(200);
  });

  test.each([{ Origin: 'http://evil.example' }, { Origin: 'null' }, { Host: 'rebound.example' }])(
    'web page (%j): cannot read or change the sandbox',
    async headers => {
      const wire = { path: '/sandbox/outage', headers: { Host: '127.0.0.1', ...headers }, body: '{"mode":"down"}' };
      expect(await sendOver(served.server.url, wire)).toMatchObject({ status: 403 });
      expect(served.sandbox.currentOutage()).toBeUndefined();
    },
  );

  test.each([undefined, {}, { mode: 'slow' }])('POST /sandbox/outage: refuses %j', async body => {
    expect((await post('/sandbox/outage', body)).status).toBe(400);
    expect(await statusOf(crm)).toBe(200);
  });

  test('GET /sandbox: lists deletions and customers, and POST registers a customer', async () => {
    await post(`/v1/customers/${ADA}/permanent-deletion`);
    const created_at = '2020-01-01T00:00:00Z';
    const registered = await post('/sandbox/customers', { id: 'cust_Gil', source_id: 'crm-1', created_at });
    expect(await registered.json()).toEqual({ id: 'cust_Gil', project: 'main' });
    const deletions = await (await get('/sandbox/deletions')).json();
    expect(deletions).toMatchObject([{ customerId: ADA, sourceId: 'crm-10042', at: '2026-01-15T12:00:00.000Z' }]);
    const customers = await (await get('/sandbox/customers')).json();
    expect(customers).toMatchObject({ length: 6, 5: { id: 'cust_Gil', created_at, deleted_at: null } });
    expect(served.sandbox.calls().map(call => call.kind)).toEqual(['permanent-deletion']);
  });

  test.each([
    [{ email: 5 }, 'customer object'],
    [{ project: 'nowhere' }, 'no project nowhere'],
    [{ id: ADA, project: 'shop' }, 'taken'],
  ])('POST /sandbox/customers: refuses %j', async (body, reason) => {
    const answer = await post('/sandbox/customers', body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ message: expect.stringContaining(reason) });
    expect(served.sandbox.customers()).toHaveLength(6);
  });

  test('POST /sandbox/customers: a sandbox without a project registers no customer', async () => {
    const empty = await serveSandbox(openSandbox({ now: () => 0, keys: [] }), 0);
    const answer = await fetch(`${empty.url}/sandbox/customers`, { method: 'POST', body: '{}' });
    expect([answer.status, await answer.json()]).toEqual([400, { message: 'Error: the sandbox has no project ' }]);
    await empty.close();
  });

  test.each(['/sandbox', '/sandbox/calls', '/sandbox?x=1'])('GET %s: lists the routes', async path => {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ routes: { length: 5, 0: 'POST /sandbox/outage' } });
  });

  test('GET /sandboxes: is answered by the API', async () => {
    const body = { code: 404, message: 'Resource not found', details: expect.any(String) };
    expect(await (await get('/sandboxes')).json()).toEqual(body);
  });
});

describe('sandbox file', () => {
  let file = '';
  beforeEach(() => {
    file = join(temporaryFolder(), 'voucherify.sqlite');
  });
  const opened = (): Sandbox => openSandbox({ file, now: () => START, keys: KEYS, seed: seededCustomers });
  const url = ({ href }: URL) => JSON.stringify(href);

  /** A process that deletes a customer in the same file, prints the status and keeps running. */
  const victim = `
    import { openSandbox } from ${url(new URL('../../infra/local/sandbox/sandbox.ts', import.meta.url))};
    import { seededCustomers } from ${url(new URL('../../infra/local/sandbox/seeded-customers.ts', import.meta.url))};
    const [file, now, keys, headers, target] = JSON.parse(process.argv[1]);
    const sandbox = openSandbox({ file, now: () => now, keys, seed: seededCustomers });
    console.log(sandbox.respond({ method: 'POST', target, headers, body: '' }).status);
    setInterval(() => {}, 1000);
  `;

  test('restart: deletion, call and quota survive a kill right after the answer', async () => {
    const argument = JSON.stringify([file, START, KEYS, key(1), `${crm}/permanent-deletion`]);
    const child = spawn(process.execPath, ['--input-type=module', '-e', victim, argument], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(String(said).trim()).toBe('200');
    const sandbox = opened();
    expect(sandbox.deletions()).toMatchObject([{ project: 'main', sourceId: 'crm-10042', at: START }]);
    expect(sandbox.customers().map(customer => customer.source_id)).not.toContain('crm-10042');
    expect(sandbox.customers()).toHaveLength(5);
    expect(sandbox.calls()).toMatchObject([{ kind: 'permanent-deletion', status: 200 }]);
    const next = sandbox.respond({ method: 'GET', target: crm, headers: key(1), body: '' });
    expect([next.status, next.headers['x-rate-limit-remaining']]).toEqual([404, '98']);
    sandbox.close();
  });

  test('restart: tokens stay valid', () => {
    const first = opened();
    const headers = { ...key(1), 'content-type': 'application/x-www-form-urlencoded' };
    const body = 'grant_type=client_credentials&scope=api';
    const granted = first.respond({ method: 'POST', target: '/v1/oauth/token', headers, body });
    first.close();
    const second = opened();
    const authorization = `Bearer ${/"access_token":"(\w+)"/.exec(granted.body)?.[1]}`;
    const get = { method: 'GET', target: crm, headers: { authorization }, body: '' };
    expect(second.respond(get).status).toBe(200);
    second.close();
    expect(() => second.respond(get)).toThrow('not open');
  });

  test('seed: a file whose seeding failed is seeded again', () => {
    const killed = () =>
      openDatabase(file, () => {
        throw new Error('killed');
      });
    expect(killed).toThrow('killed');
    const sandbox = opened();
    expect(sandbox.customers()).toHaveLength(6);
    sandbox.close();
  });

  test('transaction: an error rolls everything back', () => {
    const sql = openDatabase(file, () => undefined);
    const spend = () => sql.run`INSERT INTO windows (project, starts, used) VALUES ('main', 0, 1)`;
    const failing = () =>
      transaction(sql, () => {
        spend();
        throw new Error('halfway');
      });
    expect(failing).toThrow('halfway');
    expect(sql.all`SELECT * FROM windows`).toEqual([]);
    expect(transaction(sql, () => spend().changes)).toBe(1);
    expect(sql.all`SELECT * FROM windows`).toHaveLength(1);
    sql.db.close();
  });

  test('open: refuses a file that is not a database', () => {
    writeFileSync(file, 'plainly not a database, and long enough to be looked at');
    expect(opened).toThrow('not a database');
  });
});
