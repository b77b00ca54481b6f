import middy from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { Failure, failureOf } from '../failure.ts';
import type { HttpReply, HttpRequest } from '../platforms/platform.ts';

/** Largest body that is read, in bytes. */
export const maxBodyBytes = 65_536;

export interface Handlers {
  readonly receive: (request: HttpRequest) => Promise<HttpReply>;
  /** A refusal in the caller's own form. */
  readonly refuse: (request: HttpRequest, failure: Failure) => HttpReply;
}

/** The parts of a REST proxy event that are read, so that other gateways can speak to the handler. */
export type GatewayEvent = Pick<APIGatewayProxyEvent, 'httpMethod' | 'path' | 'body' | 'isBase64Encoded'> &
  Partial<Pick<APIGatewayProxyEvent, 'headers' | 'multiValueHeaders'>>;

export type ApiGatewayHandler = (event: GatewayEvent, context: Context) => Promise<APIGatewayProxyResult>;

/** Before Lambda's own timeout, while there is still time to answer, in milliseconds. */
const timeoutEarlyInMillis = 500;

/**
 * A handler for API Gateway REST proxy events. Middy does here what is true of every request: failures, a timeout among
 * them, become replies. The line itself is a plain function.
 */
export function apiGatewayHandler({ receive, refuse }: Handlers): ApiGatewayHandler {
  return middy<GatewayEvent, APIGatewayProxyResult>({ timeoutEarlyInMillis, timeoutEarlyResponse: outOfTime })
    .onError(request => {
      const failure = failureOf(request.error);
      request.response = toResult(refuse(failure.verified ? toRequest(request.event) : headOf(request.event), failure));
    })
    .handler(async event => toResult(await receive(toRequest(event))));
}

function outOfTime(): never {
  throw new Failure('unavailable', 'out of time');
}

/** Throws `too-large` for a body over the cap. */
function toRequest(event: GatewayEvent): HttpRequest {
  const rawBody = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (rawBody.length > maxBodyBytes) throw new Failure('too-large', `body: is larger than ${maxBodyBytes} bytes`);
  return { ...headOf(event), rawBody };
}

/** All but the body, which nobody reads of a caller that was not proved genuine. */
function headOf(event: GatewayEvent): HttpRequest {
  return { method: event.httpMethod, path: event.path, headers: headersOf(event), rawBody: new Uint8Array() };
}

/** API Gateway keeps every value of a repeated header only in `multiValueHeaders` (Developer Guide, proxy integration). */
function headersOf({ headers, multiValueHeaders }: GatewayEvent): ReadonlyMap<string, readonly string[]> {
  const all = new Map<string, string[]>();
  const single = Object.entries(headers ?? {}).map(([name, value]) => [name, [value]] as const);
  for (const [name, values] of multiValueHeaders ? Object.entries(multiValueHeaders) : single) {
    const given = (values ?? []).flatMap(value => value ?? []);
    all.set(name.toLowerCase(), [...(all.get(name.toLowerCase()) ?? []), ...given]);
  }
  return all;
}

/** What every reply carries: it is JSON for one caller and nothing for a browser. */
const safety = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };

function toResult({ status, headers, body }: HttpReply): APIGatewayProxyResult {
  return { statusCode: status, headers: { ...safety, ...headers }, body, isBase64Encoded: false };
}
