import middy from '@middy/core';
import type { APIGatewayProxyEvent, APIGatewayProxyResult, Context } from 'aws-lambda';
import { Failure, failureOf } from '../domain/failure.ts';
import type { HttpReply, HttpRequest } from '../domain/http.ts';

/** Maximum size of a request body, in bytes. */
export const maxBodyBytes = 1_048_576;

/** The functions that handle a request with the services of this process. */
export interface Handlers<Services> {
  readonly receive: (request: HttpRequest, services: Services) => Promise<HttpReply>;
  /** Returns an error reply in the format of the platform. */
  readonly errorReply: (request: HttpRequest, failure: Failure, services: Services) => HttpReply;
}

/** The fields of a REST proxy event that the handler reads, so that other gateways can call it. */
export type GatewayEvent = Pick<APIGatewayProxyEvent, 'httpMethod' | 'path' | 'body' | 'isBase64Encoded'> &
  Partial<Pick<APIGatewayProxyEvent, 'headers' | 'multiValueHeaders' | 'multiValueQueryStringParameters'>> & {
    readonly requestContext?: Partial<
      Pick<APIGatewayProxyEvent['requestContext'], 'requestTimeEpoch' | 'domainName' | 'path'>
    >;
  };

export type ApiGatewayHandler = (event: GatewayEvent, context: Context) => Promise<APIGatewayProxyResult>;

/** How long before Lambda's own timeout the handler replies, in milliseconds. */
const timeoutEarlyInMillis = 500;

/**
 * Returns a handler for API Gateway REST proxy events. Middy turns failures, including a timeout, into replies. The request
 * path itself is a plain function.
 */
export function apiGatewayHandler<Services>(
  { receive, errorReply }: Handlers<Services>,
  services: () => Services,
): ApiGatewayHandler {
  return middy<GatewayEvent, APIGatewayProxyResult>({ timeoutEarlyInMillis, timeoutEarlyResponse: outOfTime })
    .onError(request => {
      const failure = failureOf(request.error);
      const received = failure.verified ? toRequest(request.event) : withoutBody(request.event);
      request.response = toResult(errorReply(received, failure, services()));
    })
    .handler(async event => toResult(await receive(toRequest(event), services())));
}

function outOfTime(): never {
  throw new Failure('unavailable', 'out of time');
}

/** Converts the event. Throws `too-large` for a body over the limit. */
function toRequest(event: GatewayEvent): HttpRequest {
  const rawBody = Buffer.from(textOrEmpty(event.body), event.isBase64Encoded ? 'base64' : 'utf8');
  if (rawBody.length > maxBodyBytes) throw new Failure('too-large', `body: is larger than ${maxBodyBytes} bytes`);
  return { ...withoutBody(event), rawBody };
}

/** Converts everything except the body, which is not read for an unauthenticated caller. */
function withoutBody(event: GatewayEvent): HttpRequest {
  // A configured URL may end with a slash or have two in a row.
  const path = textOrEmpty(event.path)
    .replaceAll(/\/+/g, '/')
    .replace(/(?<=.)\/$/, '');
  const receivedAt = event.requestContext?.requestTimeEpoch;
  return {
    method: textOrEmpty(event.httpMethod),
    path,
    ...calledUrl(event),
    headers: readHeaders(event),
    rawBody: new Uint8Array(),
    ...(receivedAt !== undefined && Number.isSafeInteger(receivedAt) ? { receivedAt } : {}),
  };
}

/**
 * Returns the address that the sender called: the gateway's own domain, never the Host header, and the path with the
 * stage. API Gateway passes the query decoded, so what was signed is unknown if there is one.
 */
function calledUrl({ requestContext, multiValueQueryStringParameters }: GatewayEvent): Pick<HttpRequest, 'url'> {
  const { domainName, path } = requestContext ?? {};
  const hasQuery = Object.keys(multiValueQueryStringParameters ?? {}).length > 0;
  return domainName === undefined || path === undefined || hasQuery ? {} : { url: `https://${domainName}${path}` };
}

/** A caller with `lambda:InvokeFunction` can send any event: what has the wrong type counts as absent. */
function textOrEmpty(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/**
 * Reads all headers. API Gateway passes every value of a repeated header only in `multiValueHeaders` (Developer Guide, proxy
 * integration). Values that are not text are left out.
 */
function readHeaders({ headers, multiValueHeaders }: GatewayEvent): ReadonlyMap<string, readonly string[]> {
  const all = new Map<string, string[]>();
  for (const [name, values] of Object.entries<unknown>(multiValueHeaders ?? headers ?? {})) {
    const present = [values].flat().filter(value => typeof value === 'string');
    const key = name.toLowerCase();
    if (present.length > 0) all.set(key, [...(all.get(key) ?? []), ...present]);
  }
  return all;
}

/** Headers of every reply: it is for one caller and not for a browser. */
const safetyHeaders = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };

function toResult({ status, headers, body }: HttpReply): APIGatewayProxyResult {
  return { statusCode: status, headers: { ...safetyHeaders, ...headers }, body, isBase64Encoded: false };
}
