import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import { createCallbackClient } from '../../lambda/io/public-address.ts';
import { closeServersAfterEach, serve } from '../support/erasing-servers.ts';
import { uid } from '../support/ketch.ts';
import { owing } from '../support/pace-called.ts';
import { hour } from '../support/pace-heard.ts';

const bodyOf = (call: HttpCall | undefined): unknown => JSON.parse(call?.body ?? '');

describe('callback over a real connection', () => {
  closeServersAfterEach();

  it('event: arrives with its headers at the allowed address', async () => {
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
    const { sweepAfter, isKept } = await owing([sent], {
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

const fixture = join(import.meta.dirname, '../../../shared/fixtures/ketch/delete-status-event.json');
const hasFixture = existsSync(fixture);
if (!hasFixture) console.log('skipped: the published DeleteStatusEvent is not beside this repository');

interface StatusEvent {
  readonly clock: string;
  readonly callbacks: {
    readonly completed: { method: string; url: string; headers: Record<string, string>; body: object };
  };
}

describe.skipIf(!hasFixture)('published DeleteStatusEvent', () => {
  it('Ketch: receives this event', async () => {
    const published = JSON.parse(readFileSync(fixture, 'utf8')) as StatusEvent;
    const { method, url, headers, body } = published.callbacks.completed;
    const { Authorization = '' } = headers;
    const at = Date.parse(published.clock) - hour;
    const { called, receipt, sweepAfter } = await owing([{ url, headers: { Authorization } }], { at });
    await sweepAfter(hour);
    const call = called.calls[0];
    expect(call).toMatchObject({ method, url: new URL(url), headers });
    const { id } = await receipt();
    const event = { ...Object(Object(body).event), resultMessage: expect.any(String), requestID: id };
    expect(bodyOf(call)).toEqual({ ...body, event });
    expect(bodyOf(call)).toMatchObject({ metadata: { uid } });
  });
});
