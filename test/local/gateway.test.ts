import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type LocalGateway, serveGateway } from '../../infra/local/gateway.ts';
import type { ApiGatewayHandler, GatewayEvent } from '../../lambda/aws/api-gateway.ts';
import { sendOver } from '../support/event.ts';

type Result = Awaited<ReturnType<ApiGatewayHandler>>;
const ok: Result = { statusCode: 201, headers: { 'X-Own': 'yes', 'Content-Type': 'text/x' }, body: 'döne' };

/** A gateway before a handler that keeps its events; closed when the test is over. */
async function gatewayBefore(handler: ApiGatewayHandler): Promise<LocalGateway & { events: GatewayEvent[] }> {
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

/** Sends a request without headers. */
const send = (url: string, body: string | Uint8Array = '') => sendOver(url, { path: '/', headers: {}, body });

describe('local gateway', () => {
  test('event: has the form of API Gateway, with the bytes in base64 and every value of a header', async () => {
    const { url, events } = await gatewayBefore(async () => ok);
    const body = Uint8Array.from([0, 255, 128, 10]);
    await sendOver(url, { path: '/webhooks/x?a=b', headers: { 'X-Two': ['a', 'b'], Authorization: ['c', 'd'] }, body });
    expect(events).toMatchObject([{ httpMethod: 'POST', path: '/webhooks/x', isBase64Encoded: true }]);
    expect(events[0]!.multiValueHeaders).toMatchObject({ 'x-two': ['a', 'b'], authorization: ['c', 'd'] });
    expect(Uint8Array.from(Buffer.from(events[0]!.body!, 'base64'))).toEqual(body);
  });

  test.each<[string, Result, object]>([
    ['', ok, { status: 201, headers: { 'x-own': 'yes', 'content-type': 'text/x' }, text: 'döne' }],
    [' without headers', { statusCode: 204, body: '' }, { status: 204, text: '' }],
  ])('answer%s: is passed on unchanged', async (_, result, expected) => {
    const { url } = await gatewayBefore(async () => result);
    expect(await send(url)).toMatchObject(expected);
  });

  test('context: the handler has as much time as in Lambda', async () => {
    const left: number[] = [];
    const { url } = await gatewayBefore(async (_, context) => {
      left.push(context.getRemainingTimeInMillis());
      for (const end of [context.done, context.fail, context.succeed]) expect(end(undefined as never)).toBeUndefined();
      return ok;
    });
    await send(url);
    expect(left[0]).toBeGreaterThan(10_000);
    expect(left[0]).toBeLessThanOrEqual(15_000);
  });

  test('handler that throws: is a 502 without details', async () => {
    const { url } = await gatewayBefore(() => Promise.reject(new Error('secret')));
    expect(await send(url)).toMatchObject({ status: 502, text: '{"message":"Internal server error"}' });
  });

  test('body over the limit of API Gateway: is cut', async () => {
    const { url, events } = await gatewayBefore(async () => ok);
    await send(url, Buffer.alloc(10_485_760 + 70_000));
    const { length } = Buffer.from(events[0]!.body!, 'base64');
    expect(length).toBeLessThanOrEqual(10_485_760);
    expect(length).toBeGreaterThan(65_536);
  });

  test('aborted upload: does not reach the handler', async () => {
    const { url, events } = await gatewayBefore(async () => ok);
    const socket = await connectionTo(url);
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
    socket.destroy();
    expect(await send(url)).toMatchObject({ status: 201 });
    expect(events).toHaveLength(1);
  });

  test('close: waits for requests in progress and answers them', async () => {
    const begun = Promise.withResolvers<void>();
    const result = Promise.withResolvers<Result>();
    const { url, close } = await gatewayBefore(() => {
      begun.resolve();
      return result.promise;
    });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const answered = new Promise<string>((resolve, reject) => {
      const sent = httpRequest(url, { agent }, response => text(response).then(resolve, reject));
      sent.on('error', reject);
      sent.end();
    });
    await begun.promise;
    const closed = close();
    result.resolve(ok);
    expect(await answered).toBe('döne');
    await closed;
    await expect(send(url)).rejects.toThrow('ECONNREFUSED');
  });

  test('close: breaks connections that never sent a request or wait for the next one', async () => {
    const { url, close } = await gatewayBefore(async () => ok);
    const silent = await connectionTo(url);
    const idle = await connectionTo(url);
    idle.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'readable');
    await close();
    expect(await text(silent)).toBe('');
    expect(await text(idle)).toMatch(/^HTTP\/1\.1 201 /);
  });

  test('port in use: passes on the error of Node', async () => {
    const { url } = await gatewayBefore(async () => ok);
    const occupied = serveGateway(async () => ok, Number(new URL(url).port));
    await expect(occupied).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
