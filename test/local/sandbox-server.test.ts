import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { ADA } from '../support/sandbox-fresh.ts';
import { HEADERS, servedSandbox } from '../support/sandbox-served.ts';

const served = servedSandbox();
const { get, post } = served;

describe('over a real socket', () => {
  test('a person is found, erased and gone', async () => {
    expect(served.server.url).toBe(`http://127.0.0.1:${served.server.port}`);
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
    const socket = connect(served.server.port, '127.0.0.1');
    socket.end(
      'POST /v1/customers/../permanent-deletion HTTP/1.1\r\nHost: x\r\nX-App-Id: app-1\r\nX-App-Token: token-1\r\n\r\n',
    );
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 404 /);
    expect(served.sandbox.deletions()).toEqual([]);
  });

  test('a busy port is an error the caller sees', async () => {
    await expect(serveSandbox(served.sandbox, served.server.port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('closing frees the port and leaves the sandbox open', async () => {
    await get('/v1/customers/crm-10042');
    await served.server.close();
    await expect(get('/v1/customers/crm-10042')).rejects.toThrow('fetch failed');
    served.server = await serveSandbox(served.sandbox, served.server.port);
    expect((await get('/v1/customers/crm-10042')).status).toBe(200);
  });

  test('a fault of the sandbox itself is a 500 that says so', async () => {
    served.sandbox.close();
    const answer = await get('/v1/customers/crm-10042');
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ message: expect.stringContaining('the sandbox failed') });
  });

  test('a caller who hangs up in the middle of a body does no harm', async () => {
    const socket = connect(served.server.port, '127.0.0.1');
    socket.write('POST /v1/customers HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"half');
    await once(socket, 'connect');
    await get('/v1/customers/crm-10042');
    socket.destroy();
    await once(socket, 'close');
    expect((await get('/v1/customers/crm-10042')).status).toBe(200);
    expect(served.sandbox.customers()).toHaveLength(6);
  });
});

describe('outages', () => {
  test('down breaks the connection', async () => {
    served.sandbox.outage('down');
    await expect(get('/v1/customers/crm-10042')).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } });
    served.sandbox.outage(undefined);
    expect((await get('/v1/customers/crm-10042')).status).toBe(200);
  });

  test('hang never answers, and does not keep the server from closing', async () => {
    served.sandbox.outage('hang');
    const given = new AbortController();
    const hanging = fetch(`${served.server.url}/v1/customers/crm-10042`, { headers: HEADERS, signal: given.signal });
    const ended = expect(hanging).rejects.toMatchObject({ name: 'AbortError' });
    await expect.poll(() => served.sandbox.calls().length).toBe(1);
    given.abort();
    await ended;
    const another = expect(get('/v1/customers/crm-10042')).rejects.toThrow('fetch failed');
    await expect.poll(() => served.sandbox.calls().length).toBe(2);
    await served.server.close();
    await another;
  });
});
