import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { createHttpClient } from '../../lambda/io/http-client.ts';
import { ada, attemptNow, createHarness, type Harness, one, start } from '../support/harness.ts';
import { closeServersAfterEach, serve } from '../support/loopback-servers.ts';

closeServersAfterEach();

/**
 * A harness whose calls go over real connections, to wherever `place.url` is. An answer may take four minutes longer than
 * the harness's own clock allows, unless `hurry` is set: this machine may be busy.
 */
function overHttp(hurry = false): { harness: Harness; place: { url: string } } {
  const place = { url: '' };
  const harness = createHarness({
    change: ({ now }) => {
      const send = createHttpClient(() => now() - (hurry ? 0 : 240_000));
      return { send: call => send({ ...call, url: new URL(`${call.url.pathname}${call.url.search}`, place.url) }) };
    },
  });
  return { harness, place };
}

async function overSandbox(hurry = false): Promise<Harness> {
  const { harness, place } = overHttp(hurry);
  const server = await serveSandbox(harness.sandbox, 0);
  place.url = server.url;
  return harness;
}

/** The sandbox behind a server that may do something to a call after it took place. */
async function overBroken(after: (request: IncomingMessage, response: ServerResponse, calls: number) => boolean) {
  const { harness, place } = overHttp();
  let calls = 0;
  const server = await serve((request, response) => {
    calls += 1;
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const call = { method: String(request.method), target: String(request.url), headers, body: '' };
    const answer = harness.sandbox.respond(call);
    if (!after(request, response, calls)) response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  place.url = server.url.origin;
  return { harness, calls: () => calls };
}

describe('attempt over real connections', () => {
  test('each kind of identifier: finds and deletes the customer', async () => {
    const harness = await overSandbox();
    harness.addCustomer({ id: ada, source_id: 'crm/1 ?#%2e 🙂', email: 'ada+shop@example.com' });
    harness.addCustomer({ id: 'cust_B', source_id: 'b' });
    for (const identifiers of [
      one('source_id', 'crm/1 ?#%2e 🙂'),
      one('email', 'ada+shop@example.com'),
      one('customer_id', ada),
    ]) {
      const { outcome } = await harness.erase(identifiers);
      expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted' }] });
      harness.addCustomer({ id: ada, source_id: 'crm/1 ?#%2e 🙂', email: 'ada+shop@example.com' });
    }
    expect(harness.deleted()).toEqual([ada, ada, ada]);
  });

  test('long list: is read to the end although its pages exceed the response limit together', async () => {
    const harness = await overSandbox();
    const metadata = { note: 'x'.repeat(2000) };
    const email = 'family@example.com';
    const meant = harness.addCustomer({ email, metadata });
    for (let index = 0; index < 120; index += 1) {
      harness.addCustomer({ email, metadata, created_at: new Date(start + 1).toISOString() });
    }
    expect((await harness.erase(one('email', email))).outcome).toMatchObject({ kind: 'erased' });
    expect(harness.deleted()).toEqual([meant]);
  });

  test('no response: the attempt ends on time', async () => {
    const harness = await overSandbox(true);
    harness.addCustomer({ id: ada });
    harness.sandbox.outage('hang');
    const receipt = await harness.accept(one('customer_id', ada), { attempted: true });
    const { outcome } = await attemptNow(receipt, harness.services, 260);
    expect(outcome.kind).toBe('in-progress');
    harness.sandbox.outage(undefined);
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(harness.deleted()).toEqual([ada]);
  });
});

describe('connection lost after the call was executed', () => {
  test('deletion on a reused connection: is not repeated, and the next attempt looks up first', async () => {
    const { harness, calls } = await overBroken((request, _, count) => {
      if (request.method === 'POST' && count === 2) request.socket.destroy();
      return count === 2;
    });
    harness.addCustomer({ id: ada });
    const { receipt, outcome } = await harness.erase(one('customer_id', ada));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    expect(receipt).toMatchObject({ lastResult: 'connection-lost', projects: { main: { mayHaveExecuted: true } } });
    expect(calls()).toBe(2);
    expect(await harness.sweepWhenDue(receipt.id)).toMatchObject({
      state: 'erased',
      projects: { main: { deletions: [{ proof: 'gone' }] } },
    });
    expect(harness.deleted()).toEqual([ada]);
    expect(calls()).toBe(4);
  });

  test('look-up on a reused connection: is repeated at once', async () => {
    const { harness, calls } = await overBroken((request, _, count) => {
      if (count === 2) request.socket.destroy();
      return count === 2;
    });
    harness.addCustomer({ id: ada, source_id: 'crm-1' });
    const { outcome } = await harness.erase([...one('source_id', 'crm-0'), ...one('source_id', 'crm-1')]);
    expect(outcome).toMatchObject({ kind: 'erased', deletions: [{ proof: 'deleted' }] });
    expect(calls()).toBe(4);
  });

  test.each([
    ['before any answer', (response: ServerResponse) => response.socket?.resetAndDestroy()],
    [
      'in the answer',
      (response: ServerResponse) => response.write('{"status":"DONE"', () => response.socket?.destroy()),
    ],
  ])('reset %s: the next attempt proves the deletion, except for an unseen pin', async (_, breaks) => {
    for (const softly of [false, true]) {
      let broken = false;
      const { harness } = await overBroken((request, response) => {
        // The connection is not used again, so that the reset is not taken for that of an idle one.
        if (request.method === 'GET') response.setHeader('connection', 'close');
        if (request.method === 'GET' || broken) return false;
        broken = true;
        response.writeHead(200, { 'content-length': '400' });
        breaks(response);
        return true;
      });
      harness.addCustomer({ id: ada });
      if (softly) harness.sandbox.softDelete(ada);
      const { receipt, outcome } = await harness.erase(one('customer_id', ada));
      expect(outcome.kind).toBe('in-progress');
      const unproven = { state: 'needs-review', reason: 'unseen-unproven' };
      const proved = { state: 'erased', projects: { main: { deletions: [{ proof: 'gone' }] } } };
      expect(await harness.sweepWhenDue(receipt.id)).toMatchObject(softly ? unproven : proved);
      expect(harness.deleted()).toEqual([ada]);
    }
  });
});
