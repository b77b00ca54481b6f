import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import { createCallbackClient } from '../../lambda/io/public-address.ts';
import { harnessWithCallbacks } from '../support/callback-harness.ts';
import { uid } from '../support/ketch.ts';
import { closeServersAfterEach, serve } from '../support/loopback-servers.ts';
import { hour } from '../support/quota-world.ts';

const bodyOf = (call: HttpCall | undefined): unknown => JSON.parse(call?.body ?? '');

describe('callback over a real connection', () => {
  closeServersAfterEach();

  test('event: arrives with its headers at the allowed address', async () => {
    const seen: unknown[] = [];
    const { url } = await serve(async (request, response) => {
      const { method, url: path, headers } = request;
      const { kind } = Object(JSON.parse(await text(request)));
      seen.push({ method, path, kind, authorization: headers.authorization, host: headers.host });
      response.writeHead(204).end();
    });
    const sent = {
      url: `${url.origin}/callback`,
      headers: { Authorization: 'Bearer cb-token-1', Host: 'evil.example' },
    };
    const { sweepAfter, isKept } = await harnessWithCallbacks([sent], {
      section: { callbackOrigins: [url.origin] },
      change: ({ now }) => ({ sendCallback: createCallbackClient(now) }),
    });
    await sweepAfter(hour);
    const authorization = 'Bearer cb-token-1';
    expect(seen).toEqual([
      { method: 'POST', path: '/callback', kind: 'DeleteStatusEvent', authorization, host: url.host },
    ]);
    expect(await isKept()).toBe(false);
  });
});

/** Format: ketch-com/ketch-forwarder@99aba8c, api/dsr/v1/Delete.md and Status.md. */
describe('DeleteStatusEvent', () => {
  test('erased: has the format that Ketch documents', async () => {
    const url = 'https://dsr.ketch.com/callback';
    const at = Date.parse('2026-01-15T12:00:00Z') - hour;
    const { called, receipt, sweepAfter } = await harnessWithCallbacks(
      [{ url, headers: { Authorization: 'Bearer cb-token-1' } }],
      {
        at,
      },
    );
    await sweepAfter(hour);
    const call = called.calls[0];
    expect(call).toMatchObject({
      method: 'POST',
      url: new URL(url),
      headers: { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: 'Bearer cb-token-1' },
    });
    expect(bodyOf(call)).toEqual({
      apiVersion: 'dsr/v1',
      kind: 'DeleteStatusEvent',
      metadata: { uid, tenant: 'axonic' },
      event: {
        status: 'completed',
        reason: 'executed',
        resultMessage: expect.any(String),
        expectedCompletionTimestamp: 1768478400,
        requestID: (await receipt()).id,
      },
    });
  });
});
