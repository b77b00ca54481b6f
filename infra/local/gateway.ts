import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import type { Context } from 'aws-lambda';
import type { ApiGatewayHandler, GatewayEvent } from '../../lambda/io/gateway.ts';

/** Lambda's timeout for the webhook, and the largest body that API Gateway passes on. */
const timeoutMs = 15_000;
const largestPassedOn = 10_485_760;

export interface LocalGateway {
  readonly url: string;
  /** Resolves when the requests that were under way are answered. */
  close(): Promise<void>;
}

/**
 * API Gateway's part on this machine: HTTP in, REST proxy event to the handler, HTTP out. Bodies go base64 encoded, as
 * they do behind the deployed API. Throws Node's own error when the port cannot be had.
 */
export async function serveGateway(handler: ApiGatewayHandler, port: number): Promise<LocalGateway> {
  const underWay = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const one = exchange(handler, request, response).finally(() => underWay.delete(one));
    underWay.add(one);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${portOf(server)}`, close: () => closed(server, underWay) };
}

/** Resolves when the answer is on its way, or when there is nobody left to take it. */
async function exchange(handler: ApiGatewayHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const answered = finished(response).catch(() => undefined);
  try {
    const result = await handler(await eventOf(request), contextUntil(performance.now() + timeoutMs));
    const headers = { ...result.headers };
    response.writeHead(
      result.statusCode,
      Object.entries(headers).flatMap(([name, value]) => [name, String(value)]),
    );
    response.end(result.body);
  } catch {
    response.writeHead(502, { 'Content-Type': 'application/json' }).end('{"message":"Internal server error"}');
  }
  await answered;
}

async function eventOf(request: IncomingMessage): Promise<GatewayEvent> {
  const multiValueHeaders: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(request.headersDistinct)) multiValueHeaders[name] = values ?? [];
  return {
    httpMethod: request.method ?? '',
    path: (request.url ?? '').split('?', 1)[0] ?? '',
    multiValueHeaders,
    body: (await bodyOf(request)).toString('base64'),
    isBase64Encoded: true,
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= largestPassedOn) chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The context of an invocation that Lambda ends at that time (`performance.now`). */
export function contextUntil(end: number): Context {
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'webhook',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:local:000000000000:function:webhook',
    memoryLimitInMB: '512',
    awsRequestId: 'local',
    logGroupName: 'local',
    logStreamName: 'local',
    getRemainingTimeInMillis: () => Math.max(0, Math.floor(end - performance.now())),
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

/**
 * What is under way gets as long as a request has on Lambda. A connection on which nothing was ever sent is not idle to
 * Node, and a closing server no longer times anything out, so whatever is left then is broken.
 */
async function closed(server: Server, underWay: ReadonlySet<Promise<void>>): Promise<void> {
  const end = new Promise<void>(resolve => server.close(() => resolve()));
  await Promise.race([Promise.all(underWay), setTimeout(timeoutMs, undefined, { ref: false })]);
  server.closeAllConnections();
  await end;
}
