import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { callbackSender } from '../../lambda/io/callback-sender.ts';
import { closeServersAfterEach, serve } from '../support/erasing-servers.ts';
import {
  certificate,
  here,
  named,
  notConnected,
  onlyHere,
  post,
  resolvesTo,
  trustCertificate,
} from '../support/pace-callback.ts';

closeServersAfterEach();
trustCertificate();

describe('plain http', () => {
  it('goes to this machine only, which only settings of a local run can allow', async () => {
    const { url } = await serve((_, response) => response.end());
    const send = callbackSender(Date.now);
    expect(await send(post(url))).toMatchObject({ kind: 'answer', status: 200 });
    for (const host of ['localhost', '[::1]', '127.0.0.2']) {
      expect(await send(post(new URL(`http://${host}:${url.port}/`)))).toEqual(notConnected);
    }
  });
});

describe('the answer', () => {
  const sendHere = callbackSender(Date.now, resolvesTo(here), onlyHere);

  it.each([301, 302, 303, 307, 308])('%i is not followed, and the headers go nowhere else', async status => {
    const seen: unknown[] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers);
      response.end();
    }, certificate);
    const { url } = await serve((_, response) => {
      response.writeHead(status, { Location: named(other.url).href }).end();
    }, certificate);
    expect(await sendHere(post(named(url)))).toEqual({ kind: 'no-answer', code: 'redirected', effect: 'possible' });
    expect(seen).toEqual([]);
  });

  it('that never ends is read for a kilobyte, then the connection is broken', async () => {
    const { promise: closed, resolve: hungUp } = Promise.withResolvers<number>();
    const { url } = await serve((_, response) => {
      let written = 0;
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(512))) written += 512;
      };
      response.on('drain', more).on('close', () => hungUp(written));
      response.writeHead(200);
      more();
    }, certificate);
    const answer = await sendHere(post(named(url)));
    expect(answer).toEqual({
      kind: 'answer',
      status: 200,
      headers: expect.anything(),
      body: 'x'.repeat(1024),
    });
    expect(await closed).toBeGreaterThan(0);
  });

  it('of just a kilobyte is whole', async () => {
    const { url } = await serve(async (request, response) => {
      await text(request);
      response.end('x'.repeat(1024));
    }, certificate);
    expect(await sendHere(post(named(url)))).toMatchObject({ kind: 'answer', body: 'x'.repeat(1024) });
  });

  it('that does not come in time is none', async () => {
    const { url } = await serve(() => undefined, certificate);
    const late = post(named(url), { until: Date.now() + 60 });
    expect(await sendHere(late)).toMatchObject({ kind: 'no-answer', code: 'timed-out' });
  });
});
