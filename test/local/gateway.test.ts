import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type LocalGateway, serveGateway } from '../../infra/local/gateway.ts';
import type { GatewayEvent, GatewayHandler } from '../../lambda/io/gateway.ts';
import { sendOver } from '../support/http.ts';

type Result = Awaited<ReturnType<GatewayHandler>>;
const ok: Result = { statusCode: 201, headers: { 'X-Own': 'yes', 'Content-Type': 'text/x' }, body: 'döne' };

/** A gateway before a handler that keeps its events; closed when the test is over. */
async function gatewayBefore(handler: GatewayHandler): Promise<LocalGateway & { events: GatewayEvent[] }> {
  const events: GatewayEvent[] = [];
  const gateway = await serveGateway((event, context) => {
    events.push(event);
    return handler(event, context);
  }, 0);
  onTestFinished(() => gateway.close());
  return { ...gateway, events };
}

/** A connection that was made, and nothing sent on it. */
async function connectionTo(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

describe('a request over HTTP', () => {
  test('becomes the event of API Gateway, with its bytes in base64 and every value of a header', async () => {
    const { url, events } = await gatewayBefore(async () => ok);
    const body = Uint8Array.from([0, 255, 128, 10]);
    await sendOver(url, { path: '/webhooks/x?a=b', headers: { 'X-Two': ['a', 'b'], Authorization: ['c', 'd'] }, body });
    expect(events).toMatchObject([{ httpMethod: 'POST', path: '/webhooks/x', isBase64Encoded: true }]);
    expect(events[0]!.multiValueHeaders).toMatchObject({ 'x-two': ['a', 'b'], authorization: ['c', 'd'] });
    expect(Uint8Array.from(Buffer.from(events[0]!.body!, 'base64'))).toEqual(body);
  });

  test('gets the answer as it is', async () => {
    const { url } = await gatewayBefore(async () => ok);
    expect(await sendOver(url, { path: '/', headers: {}, body: '' })).toMatchObject({
      status: 201,
      headers: { 'x-own': 'yes', 'content-type': 'text/x' },
      text: 'döne',
    });
  });

  test('may be answered without headers', async () => {
    const { url } = await gatewayBefore(async () => ({ statusCode: 204, body: '' }));
    expect(await sendOver(url, { path: '/', headers: {}, body: '' })).toMatchObject({ status: 204, text: '' });
  });

  test('leaves the handler as much time as Lambda does', async () => {
    const left: number[] = [];
    const { url } = await gatewayBefore(async (_, context) => {
      left.push(context.getRemainingTimeInMillis());
      for (const end of [context.done, context.fail, context.succeed]) expect(end(undefined as never)).toBeUndefined();
      return ok;
    });
    await sendOver(url, { path: '/', headers: {}, body: '' });
    expect(left[0]).toBeGreaterThan(10_000);
    expect(left[0]).toBeLessThanOrEqual(15_000);
  });

  test('that the handler fails on is a 502 that tells nothing', async () => {
    const { url } = await gatewayBefore(() => Promise.reject(new Error('secret')));
    const answer = await sendOver(url, { path: '/', headers: {}, body: '' });
    expect(answer).toMatchObject({ status: 502, text: '{"message":"Internal server error"}' });
  });

  test('that is larger than API Gateway passes on is cut, not kept', async () => {
    const { url, events } = await gatewayBefore(async () => ok);
    await sendOver(url, { path: '/', headers: {}, body: Buffer.alloc(10_485_760 + 70_000) });
    const length = Buffer.from(events[0]!.body!, 'base64').length;
    expect(length).toBeLessThanOrEqual(10_485_760);
    expect(length).toBeGreaterThan(65_536);
  });

  test('whose caller hangs up half-way harms nobody', async () => {
    const { url, events } = await gatewayBefore(async () => ok);
    const socket = await connectionTo(url);
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
    socket.destroy();
    expect(await sendOver(url, { path: '/', headers: {}, body: '' })).toMatchObject({ status: 201 });
    expect(events).toHaveLength(1);
  });
});

describe('closing', () => {
  test('waits for what is under way, and answers it', async () => {
    let answer: (result: Result) => void = () => undefined;
    let begun: () => void = () => undefined;
    const underWay = new Promise<void>(resolve => {
      begun = resolve;
    });
    const { url, close } = await gatewayBefore(() => {
      begun();
      return new Promise(resolve => {
        answer = resolve;
      });
    });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const answered = new Promise<string>((resolve, reject) => {
      const sent = httpRequest(url, { agent }, response => text(response).then(resolve, reject));
      sent.on('error', reject);
      sent.end();
    });
    await underWay;
    const closed = close();
    answer(ok);
    expect(await answered).toBe('döne');
    await closed;
    await expect(sendOver(url, { path: '/', headers: {}, body: '' })).rejects.toThrow('ECONNREFUSED');
  });

  test('breaks connections that nothing was ever sent on, and those that wait for the next request', async () => {
    const { url, close } = await gatewayBefore(async () => ok);
    const silent = await connectionTo(url);
    const kept = await connectionTo(url);
    kept.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(kept, 'readable');
    await close();
    expect(await text(silent)).toBe('');
    expect(await text(kept)).toMatch(/^HTTP\/1\.1 201 /);
  });
});

test('a port that cannot be had is an error of Node’s', async () => {
  const { url } = await gatewayBefore(async () => ok);
  await expect(serveGateway(async () => ok, Number(new URL(url).port))).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
