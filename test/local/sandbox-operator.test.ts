import { describe, expect, test } from 'vitest';
import { openSandbox } from '../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { ADA } from '../support/sandbox-fresh.ts';
import { servedSandbox } from '../support/sandbox-served.ts';

const served = servedSandbox();
const { get, post } = served;

describe('the operator’s routes', () => {
  test('begin and end an outage, and work during it', async () => {
    expect(await (await post('/sandbox/outage', { mode: 'error' })).json()).toEqual({ mode: 'error' });
    const broken = await get('/v1/customers/crm-10042');
    expect([broken.status, broken.headers.get('content-type')]).toEqual([500, 'text/html; charset=utf-8']);
    await post('/sandbox/outage', { mode: 'down' });
    expect((await get('/sandbox/deletions')).status).toBe(200);
    expect((await get('/sandbox/customers')).status).toBe(200);
    expect(await (await post('/sandbox/outage', { mode: null })).json()).toEqual({ mode: null });
    expect((await get('/v1/customers/crm-10042')).status).toBe(200);
  });

  test.each([undefined, {}, { mode: 'slow' }])('refuse the outage %j', async body => {
    expect((await post('/sandbox/outage', body)).status).toBe(400);
    expect((await get('/v1/customers/crm-10042')).status).toBe(200);
  });

  test('show deletions and people, and register somebody', async () => {
    await post(`/v1/customers/${ADA}/permanent-deletion`);
    const registered = await post('/sandbox/customers', {
      id: 'cust_Gil',
      source_id: 'crm-1',
      created_at: '2020-01-01T00:00:00Z',
    });
    expect(await registered.json()).toEqual({ id: 'cust_Gil', project: 'main' });
    const deletions = await (await get('/sandbox/deletions')).json();
    expect(deletions).toMatchObject([{ customerId: ADA, sourceId: 'crm-10042', at: '2026-01-15T12:00:00.000Z' }]);
    const people = await (await get('/sandbox/customers')).json();
    expect(people).toHaveLength(6);
    expect(people).toMatchObject({ 5: { id: 'cust_Gil', created_at: '2020-01-01T00:00:00Z', deleted_at: null } });
    expect(served.sandbox.calls().map(call => call.kind)).toEqual(['permanent-deletion']);
  });

  test.each([
    [{ email: 5 }, 'customer object'],
    [{ project: 'nowhere' }, 'no project nowhere'],
    [{ id: ADA, project: 'other' }, 'taken'],
  ])('refuse to register %j', async (body, reason) => {
    served.sandbox.addKey({ appId: 'app-2', appToken: 'token-2', project: 'other' });
    const answer = await post('/sandbox/customers', body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ message: expect.stringContaining(reason) });
    expect(served.sandbox.customers()).toHaveLength(6);
  });

  test('register nobody where there is no project', async () => {
    const empty = await serveSandbox(openSandbox({ now: () => 0, keys: [] }), 0);
    const answer = await fetch(`${empty.url}/sandbox/customers`, { method: 'POST', body: '{}' });
    expect([answer.status, await answer.json()]).toEqual([400, { message: 'Error: the sandbox has no project ' }]);
    await empty.close();
  });

  test.each(['/sandbox', '/sandbox/', '/sandbox/calls', '/sandbox?x=1'])('say what there is at %s', async path => {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ routes: { length: 4, 0: 'POST /sandbox/outage' } });
  });

  test('do not shadow the API', async () => {
    expect(await (await get('/sandboxes')).json()).toEqual({
      code: 404,
      message: 'Resource not found',
      details: expect.any(String),
    });
  });
});
