import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';
import { type SandboxServer, serveSandbox } from '../../infra/local/sandbox/server.ts';

const ADA = 'cust_AdaExample00000000000001';
const HEADERS = { 'X-App-Id': 'app-1', 'X-App-Token': 'token-1' };

let sandbox: Sandbox;
let server: SandboxServer;

beforeEach(async () => {
  const keys = [{ appId: 'app-1', appToken: 'token-1', project: 'main' }];
  sandbox = openSandbox({ now: () => Date.parse('2026-01-15T12:00:00.000Z'), keys, seed: seededCustomers });
  server = await serveSandbox(sandbox, 0);
});

afterEach(() => server.close());

function get(path: string): Promise<Response> {
  return fetch(`${server.url}${path}`, { headers: HEADERS, signal: AbortSignal.timeout(5_000) });
}

function post(path: string, body?: unknown): Promise<Response> {
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = body === undefined ? HEADERS : { ...HEADERS, 'content-type': 'application/json' };
  return fetch(`${server.url}${path}`, { method: 'POST', headers, ...content, signal: AbortSignal.timeout(5_000) });
}

describe('over a real socket', () => {
  test('a person is found, erased and gone', async () => {
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`);
    const found = await get('/v1/customers/crm-10042');
    expect(found.status).toBe(200);
    expect(found.headers.get('X-Rate-Limit-Remaining')).toBe('99');
    expect(await found.json()).toMatchObject({ id: ADA });
    const erased = await post(`/v1/customers/${ADA}/permanent-deletion`);
    expect(await erased.json()).toMatchObject({ status: 'DONE', related_object_id: ADA });
    expect((await get(`/v1/customers/${ADA}`)).status).toBe(404);
  });

  test('bodies and raw targets arrive as they were sent', async () => {
    const created = await post('/v1/customers', { source_id: 'ünï/cödé', name: 'Zoë' });
    expect(await created.json()).toMatchObject({ source_id: 'ünï/cödé', name: 'Zoë' });
    expect(await (await get(`/v1/customers/${encodeURIComponent('ünï/cödé')}`)).json()).toMatchObject({ name: 'Zoë' });
    const socket = connect(server.port, '127.0.0.1');
    socket.end(
      'POST /v1/customers/../permanent-deletion HTTP/1.1\r\nHost: x\r\nX-App-Id: app-1\r\nX-App-Token: token-1\r\n\r\n',
    );
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 404 /);
    expect(sandbox.deletions()).toEqual([]);
  });

  test('a busy port is an error the caller sees', async () => {
    await expect(serveSandbox(sandbox, server.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('closing frees the port and leaves the sandbox open', async () => {
    await get('/v1/customers/crm-10042');
    await server.close();
    await expect(get('/v1/customers/crm-10042')).rejects.toThrow('fetch failed');
    server = await serveSandbox(sandbox, server.port);
    expect((await get('/v1/customers/crm-10042')).status).toBe(200);
  });

  test('a fault of the sandbox itself is a 500 that says so', async () => {
    sandbox.close();
    const answer = await get('/v1/customers/crm-10042');
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ message: expect.stringContaining('the sandbox failed') });
  });

  test('a caller who hangs up in the middle of a body does no harm', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('POST /v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"half');
    await once(socket, 'connect');
    await get('/v1/customers/crm-10042');
    socket.destroy();
    await once(socket, 'close');
    expect((await get('/v1/customers/crm-10042')).status).toBe(200);
    expect(sandbox.customers()).toHaveLength(6);
  });
});

describe('outages', () => {
  test('down breaks the connection', async () => {
    sandbox.outage('down');
    await expect(get('/v1/customers/crm-10042')).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } });
    sandbox.outage(undefined);
    expect((await get('/v1/customers/crm-10042')).status).toBe(200);
  });

  test('hang never answers, and does not keep the server from closing', async () => {
    sandbox.outage('hang');
    const hanging = fetch(`${server.url}/v1/customers/crm-10042`, {
      headers: HEADERS,
      signal: AbortSignal.timeout(200),
    });
    await expect(hanging).rejects.toMatchObject({ name: 'TimeoutError' });
    const another = expect(get('/v1/customers/crm-10042')).rejects.toThrow('fetch failed');
    await expect.poll(() => sandbox.calls().length).toBe(2);
    await server.close();
    await another;
  });
});
