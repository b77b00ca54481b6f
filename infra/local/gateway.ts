import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import type { Context } from 'aws-lambda';
import * as v from 'valibot';
import type { ApiGatewayHandler, GatewayEvent } from '../../lambda/aws/api-gateway.ts';
import { parseJson } from '../../lambda/io/json.ts';
import type { ManualEvent } from '../../lambda/request/receive-manual.ts';
import type { WebhookHandler } from '../../lambda/webhook.ts';
import { isFromThisPage, replyJson, type ServePage } from './page/page.ts';
import { manualRoutePath } from './run-file.ts';

/** The webhook's Lambda timeout with the default answer budget, and the largest body that API Gateway accepts. */
const timeoutMs = 15_000;
const maxGatewayBytes = 10_485_760;

export interface LocalGateway {
  readonly url: string;
  /** Stops listening. Resolves when the pending requests have a response. */
  close(): Promise<void>;
}

/**
 * Serves the handler over HTTP on 127.0.0.1 as API Gateway does: each request becomes a REST proxy event with a base64
 * encoded body. `page` gets each request first. Throws Node's error if the port is not available.
 */
export async function serveGateway(
  handler: ApiGatewayHandler,
  port: number,
  page: ServePage = () => false,
): Promise<LocalGateway> {
  const pending = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    if (page(request, response)) return;
    const done = exchange(handler, request, response).finally(() => pending.delete(done));
    pending.add(done);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return { url: `http://127.0.0.1:${portOf(server)}`, close: () => closeServer(server, pending) };
}

/** Resolves when the response is sent, or when the client has disconnected. */
async function exchange(handler: ApiGatewayHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const sent = finished(response).catch(() => undefined);
  try {
    const result = await handler(await toGatewayEvent(request), contextUntil(performance.now() + timeoutMs));
    const headers = { ...result.headers };
    response.writeHead(
      result.statusCode,
      Object.entries(headers).flatMap(([name, value]) => [name, String(value)]),
    );
    response.end(result.body);
  } catch {
    response.writeHead(502, { 'Content-Type': 'application/json' }).end('{"message":"Internal server error"}');
  }
  await sent;
}

async function toGatewayEvent(request: IncomingMessage): Promise<GatewayEvent> {
  const [path = '', query] = (request.url ?? '').split('?', 2);
  const multiValueHeaders: Record<string, string[]> = {};
  for (const [name, values] of Object.entries(request.headersDistinct)) multiValueHeaders[name] = values ?? [];
  return {
    httpMethod: request.method ?? '',
    path,
    multiValueQueryStringParameters: query === undefined ? null : { query: [query] },
    requestContext: { domainName: `127.0.0.1:${request.socket.localPort ?? 0}`, path },
    multiValueHeaders,
    body: (await readBody(request, maxGatewayBytes)).toString('base64'),
    isBase64Encoded: true,
  };
}

/** Leaves out what comes after so many bytes. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Returns the context of an invocation that times out at `end` (`performance.now`). */
export function contextUntil(end: number): Context {
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'webhook',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:local:000000000000:function:webhook',
    memoryLimitInMB: '1024',
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
 * Waits for pending requests as long as Lambda's timeout, then closes the remaining connections. Node does not treat a
 * connection without any request as idle, and a closing server applies no timeouts.
 */
async function closeServer(server: Server, pending: ReadonlySet<Promise<void>>): Promise<void> {
  const end = new Promise<void>(resolve => server.close(() => resolve()));
  await Promise.race([Promise.all(pending), setTimeout(timeoutMs, undefined, { ref: false })]);
  server.closeAllConnections();
  await end;
}

/** More than the longest event with the longest identifiers, in bytes. */
const maxManualBytes = 262_144;

const manualBody = v.object({ manual: v.unknown() });

/**
 * Creates the route for requests by hand of a local run with a sandbox. It refuses web pages of another origin, as
 * the routes of the page do.
 */
export function createManualRoute(handler: WebhookHandler): ServePage {
  return (request, response) => {
    if (request.method !== 'POST' || request.url !== manualRoutePath) return false;
    if (isFromThisPage(request, request.socket.localPort ?? 0)) void exchangeManual(handler, request, response);
    else replyJson(response, 403, { message: 'only the operator’s tool may do this' });
    return true;
  };
}

async function exchangeManual(
  handler: WebhookHandler,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const { manual } = v.parse(
      manualBody,
      parseJson((await readBody(request, maxManualBytes)).toString('utf8'))?.value,
    );
    // The handler checks the event as it does in Lambda; no other key of the body gets there.
    const event = { manual } as ManualEvent;
    replyJson(response, 200, await handler(event, contextUntil(performance.now() + timeoutMs)));
  } catch (error) {
    replyJson(response, error instanceof v.ValiError ? 400 : 502, { message: 'it failed' });
  }
}
