import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Context } from 'aws-lambda';
import type { ApiGatewayHandler, GatewayEvent } from '../../lambda/aws/api-gateway.ts';

/** A message as a platform sends it; a header with several values is sent several times. */
export interface Wire {
  readonly method?: string;
  readonly path: string;
  readonly query?: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string | Uint8Array;
}

export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body as JSON; `undefined` when it is none. */
  readonly json: unknown;
}

/** The event that API Gateway makes of a message: bytes in base64, and every value of a header. */
export function eventOf({ method = 'POST', path, query, headers, body }: Wire): GatewayEvent {
  const lists = Object.entries(headers).map(([name, value]) => [name, [value].flat()] as const);
  return {
    httpMethod: method,
    path,
    multiValueQueryStringParameters: query === undefined ? null : { query: [query] },
    requestContext: { domainName: 'erasure.example.com', path: `/v1${path}` },
    headers: Object.fromEntries(lists.map(([name, values]) => [name, values.at(-1)])),
    multiValueHeaders: Object.fromEntries(lists.map(([name, values]) => [name, [...values]])),
    body: Buffer.from(body).toString('base64'),
    isBase64Encoded: true,
  };
}

/** The same as text and with single headers only, as a test in the console sends it. */
export function plainEventOf(wire: Wire): GatewayEvent {
  const { multiValueHeaders: _, ...event } = eventOf(wire);
  return { ...event, body: Buffer.from(wire.body).toString('utf8'), isBase64Encoded: false };
}

/** Calls a handler as Lambda does. */
export async function invoke(handler: ApiGatewayHandler, event: GatewayEvent, leftMs = 600_000): Promise<Answer> {
  const result = await handler(event, contextWith(leftMs));
  const headers = Object.entries(result.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]);
  return {
    status: result.statusCode,
    headers: Object.fromEntries(headers),
    text: result.body,
    json: jsonOrUndefined(result.body),
  };
}

/** The context of one invocation that may still take so long. */
export function contextWith(leftMs: number): Context {
  const until = performance.now() + leftMs;
  return { getRemainingTimeInMillis: () => until - performance.now() } as Context;
}

export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Sends a message with a plain request, on a connection of its own. */
export function sendOver(url: string, { method = 'POST', path, headers, body }: Wire): Promise<Answer> {
  const given = Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]);
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { method, headers: Object.fromEntries(given), agent: false }, response => {
      const lower = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
      text(response).then(body => {
        const status = response.statusCode ?? 0;
        resolve({ status, headers: Object.fromEntries(lower), text: body, json: jsonOrUndefined(body) });
      }, reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The same message with another value of a header; the case of its name does not matter. */
export function withHeader(wire: Wire, name: string, value: string | readonly string[]): Wire {
  const others = Object.entries(wire.headers).filter(([other]) => other.toLowerCase() !== name.toLowerCase());
  return { ...wire, headers: { ...Object.fromEntries(others), [name]: value } };
}
