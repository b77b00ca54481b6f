import type { AgentOptions, ClientRequest, Agent as HttpAgent, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { version } from '../domain/version.ts';

/** One call to another service. `until` is the deadline of the whole call, reading the body included (epoch ms). */
export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly until: number;
  /** Maximum size of the response body, if the default is too small. */
  readonly maxResponseBytes?: number;
  /** Whether it may be sent a second time, see {@link createHttpClient}. Never set it for a call that must not run twice. */
  readonly repeatable?: boolean;
}

/**
 * The result of a call: a response, or none. `mayHaveExecuted` says whether the other side may have executed the call; without a
 * connection it cannot have.
 */
export type HttpResult =
  | {
      readonly kind: 'response';
      readonly status: number;
      /** Lower-case names. */
      readonly headers: Readonly<Record<string, string | undefined>>;
      readonly body: string;
    }
  | { readonly kind: 'no-response'; readonly code: NoResponse; readonly mayHaveExecuted: boolean };

type NoResponse =
  | 'not-connected'
  | 'name-not-resolved'
  | 'tls-failed'
  | 'timed-out'
  | 'connection-lost'
  | 'redirected'
  | 'too-large';

/** Sends a call. Never throws: a failure is a value that contains no URL, header or body. */
export type Send = (call: HttpCall) => Promise<HttpResult>;

/**
 * Returns how long a response asks to wait, in milliseconds, if it says so in seconds (`Retry-After`, RFC 9110, section
 * 10.2.3).
 */
export function retryAfterMs({ headers }: Extract<HttpResult, { kind: 'response' }>): number | undefined {
  const seconds = headers['retry-after'] ?? '';
  return /^\d{1,7}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

/** Default maximum size of a response body, in bytes. */
export const maxResponseBytes = 65_536;

/** The value of `User-Agent` in every call. */
const userAgent = `voucherify-erasure-webhook/${version}`;

/**
 * How long to wait for one address of a host before the next is tried, in milliseconds: distant clusters need longer
 * than Node's 250.
 */
const addressTimeoutMs = 1000;

export interface HttpClientOptions {
  /** Resolves a host name and checks its addresses. */
  readonly lookup?: LookupFunction;
  /** Maximum size of a response body. A longer one fails the call, or is truncated if `cut` is set. */
  readonly maxResponseBytes?: number;
  readonly cut?: boolean;
}

/**
 * Returns a client that keeps connections alive. It follows no redirect, which would send the key to another origin. It
 * retries once if a reused connection is reset before the first byte of the response, which happens when the server closes
 * an idle connection, or after a freeze (see {@link keepAliveAgents}); and only a `repeatable` call, because the server may
 * have executed the first one.
 */
export function createHttpClient(now: () => number, options: HttpClientOptions = {}): Send {
  const agents = keepAliveAgents({ autoSelectFamilyAttemptTimeout: addressTimeoutMs });
  return async call => {
    const first = await sendOnce(call, now, { ...options, agents });
    if (first !== 'reset-while-idle') return first;
    if (call.repeatable !== true) return noResponse('connection-lost', true);
    // The reset closed all idle connections, so this is a fresh one, or one on which a response has just arrived.
    const second = await sendOnce(call, now, { ...options, agents });
    if (second === 'reset-while-idle') return noResponse('connection-lost', true);
    return second.kind === 'response' ? second : { ...second, mayHaveExecuted: true };
  };
}

type SendResult = HttpResult | 'reset-while-idle';

interface RequestOptions extends HttpClientOptions {
  readonly agents: KeepAliveAgents;
}

function sendOnce(call: HttpCall, now: () => number, options: RequestOptions): Promise<SendResult> {
  const leftMs = call.until - now();
  if (leftMs <= 0) return Promise.resolve(noResponse('timed-out', false));
  return new Promise(resolve => {
    const request = openRequest(call, options);
    if (request === undefined) {
      resolve(noResponse('not-connected', false));
      return;
    }
    let connected = false;
    const settle = (result: SendResult) => {
      clearTimeout(timer);
      resolve(result);
      // After a response, the connection is already back in the pool.
      if (result === 'reset-while-idle' || result.kind === 'no-response') request.destroy();
    };
    const timer = setTimeout(() => settle(noResponse('timed-out', connected)), leftMs);
    request.on('socket', socket => whenConnected(request, socket, () => (connected = true)));
    request.on('error', error =>
      settle(isIdleReset(request, error) ? 'reset-while-idle' : connectionError(connected, error)),
    );
    request.on('response', response =>
      collectResponse(response, call.maxResponseBytes ?? options.maxResponseBytes ?? maxResponseBytes, options, settle),
    );
    request.end(call.body);
  });
}

/** Opens a request. Returns `undefined` if Node rejects a header or the protocol; its error would contain the value. */
function openRequest(call: HttpCall, options: RequestOptions): ClientRequest | undefined {
  const { method, url } = call;
  const { agents, lookup } = options;
  const headers = { ...call.headers, 'User-Agent': userAgent };
  try {
    if (url.protocol === 'https:')
      return httpsRequest(url, { method, headers, agent: agents.httpsAgent, ...(lookup && { lookup }) });
    // Settings allow plain http only to loopback.
    return nodeHttp.request(url, { method, headers, agent: agents.httpAgent });
  } catch {
    return undefined;
  }
}

function whenConnected(request: ClientRequest, socket: Socket, connected: () => void): void {
  if (request.reusedSocket) connected();
  else socket.once(request.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
}

function collectResponse(
  response: IncomingMessage,
  maxBytes: number,
  { cut }: RequestOptions,
  settle: (result: SendResult) => void,
): void {
  const status = Number(response.statusCode);
  if (status >= 300 && status < 400) {
    settle(noResponse('redirected', true));
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  const finish = () => {
    const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
    const body = Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8');
    settle({ kind: 'response', status, headers, body });
  };
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    chunks.push(chunk);
    if (size <= maxBytes) return;
    if (cut === true) finish();
    else settle(noResponse('too-large', true));
    response.destroy();
  });
  response.on('error', () => settle(noResponse('connection-lost', true)));
  response.on('end', finish);
}

/** Errors of Node's DNS and TLS, which an operator fixes in different places. */
const resolveErrors = ['ENOTFOUND', 'EAI_AGAIN', 'ENODATA'];
const tlsError = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO$)/;

function connectionError(connected: boolean, error: Error): HttpResult {
  if (connected) return noResponse('connection-lost', true);
  const code = 'code' in error ? String(error.code) : '';
  if (resolveErrors.includes(code)) return noResponse('name-not-resolved', false);
  return noResponse(tlsError.test(code) ? 'tls-failed' : 'not-connected', false);
}

function noResponse(code: NoResponse, mayHaveExecuted: boolean): HttpResult {
  return { kind: 'no-response', code, mayHaveExecuted };
}

/**
 * Node's HTTP client. An ES import would read all exports of `node:http`, and some of them load the whole of `fetch` and
 * `WebSocket`, which delays each cold start (test/bench/README.md).
 */
const nodeHttp = process.getBuiltinModule('node:http');

/** Agents that keep connections alive, for both protocols. */
export interface KeepAliveAgents {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
}

/**
 * Returns agents that close all their idle connections when a request on a reused connection is reset. While Lambda freezes an
 * instance, a NAT gateway forgets its connections, and resets each one only when it is used again (Amazon VPC User Guide,
 * "Troubleshoot NAT gateways": idle for 350 seconds). One reset therefore says that the others are dead too.
 */
export function keepAliveAgents(options: AgentOptions = {}): KeepAliveAgents {
  const all = { ...options, keepAlive: true };
  return { httpAgent: closeIdleOnReset(new nodeHttp.Agent(all)), httpsAgent: closeIdleOnReset(new HttpsAgent(all)) };
}

/** Returns whether a request failed because its reused connection was reset. */
function isIdleReset(request: ClientRequest, error: Error): boolean {
  return request.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** The agent calls `reuseSocket` before a caller can listen: the idle connections are closed before the caller retries. */
function closeIdleOnReset<A extends HttpAgent>(agent: A): A {
  const reuseSocket = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket: Duplex, request: ClientRequest) => {
    reuseSocket(socket, request);
    request.once('error', error => {
      if (isIdleReset(request, error)) closeIdle(agent);
    });
  };
  return agent;
}

function closeIdle({ freeSockets }: HttpAgent): void {
  for (const sockets of Object.values(freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}
