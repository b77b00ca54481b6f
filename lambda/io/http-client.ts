import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';

/** One call to another service. `until` is one deadline for all of it, the body read included (epoch ms). */
export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly until: number;
  /** Bytes of the answer that are read, where the usual cap is too small. */
  readonly maxResponseBytes?: number;
  /** Whether it may be sent a second time, see {@link createHttpClient}. Never for a call that must not happen twice. */
  readonly repeatable?: boolean;
}

/**
 * The outcome of a call: a response, or none. `mayHaveExecuted` is false only if no connection was made, because then
 * the other side cannot have processed the call.
 */
export type HttpResult =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** Lower-case names. */
      readonly headers: Readonly<Record<string, string | undefined>>;
      readonly body: string;
    }
  | { readonly kind: 'no-answer'; readonly code: NoAnswer; readonly mayHaveExecuted: boolean };

type NoAnswer = 'not-connected' | 'timed-out' | 'connection-lost' | 'redirected' | 'too-large';

/** Sends a call and never throws: what goes wrong is a value that names neither URL, headers nor body. */
export type Send = (call: HttpCall) => Promise<HttpResult>;

/** Largest answer body that is read, in bytes. */
export const maxResponseBytes = 65_536;

export interface HttpClientOptions {
  /** Finds and checks the addresses of a host name. */
  readonly lookup?: LookupFunction;
  /** Bytes of an answer that are read; a longer one is no answer, or with `cut` one that is cut off there. */
  readonly maxResponseBytes?: number;
  readonly cut?: boolean;
}

/**
 * A sender that keeps connections alive. Redirects are not followed: they would carry the key to another origin. The one
 * retry is for a reset of a reused connection before any byte of the answer, which is how an idle connection ends, and
 * only for a call that is `repeatable`: the other side may have acted on the first one.
 */
export function createHttpClient(now: () => number, reach: HttpClientOptions = {}): Send {
  const agent = new Agent({ keepAlive: true });
  return async call => {
    const first = await sendOnce(call, now, { ...reach, agent });
    if (first !== 'reset-while-idle') return first;
    if (call.repeatable !== true) return noAnswer('connection-lost', true);
    const second = await sendOnce(call, now, { ...reach, agent: new Agent() });
    if (second === 'reset-while-idle') return noAnswer('connection-lost', true);
    return second.kind === 'answer' ? second : { ...second, mayHaveExecuted: true };
  };
}

type Sent = HttpResult | 'reset-while-idle';

interface Way extends HttpClientOptions {
  readonly agent: Agent;
}

function sendOnce(call: HttpCall, now: () => number, way: Way): Promise<Sent> {
  const left = call.until - now();
  if (left <= 0) return Promise.resolve(noAnswer('timed-out', false));
  return new Promise(resolve => {
    const request = openedOrUndefined(call, way);
    if (request === undefined) {
      resolve(noAnswer('not-connected', false));
      return;
    }
    let connected = false;
    const settle = (sent: Sent) => {
      clearTimeout(timer);
      resolve(sent);
      // An answered request has given its connection back already.
      if (sent === 'reset-while-idle' || sent.kind === 'no-answer') request.destroy();
    };
    const timer = setTimeout(() => settle(noAnswer('timed-out', connected)), left);
    request.on('socket', socket => whenConnected(request, socket, () => (connected = true)));
    request.on('error', error => settle(isIdleReset(request, error) ? 'reset-while-idle' : lost(connected)));
    request.on('response', response =>
      collect(response, call.maxResponseBytes ?? way.maxResponseBytes ?? maxResponseBytes, way, settle),
    );
    request.end(call.body);
  });
}

/** A header or protocol that Node refuses makes no call; its error would name the value. */
function openedOrUndefined(call: HttpCall, way: Way): ClientRequest | undefined {
  try {
    return opened(call, way);
  } catch {
    return undefined;
  }
}

/** Plain http is for loopback only, which settings see to; `node:http` is loaded only where it is needed. */
function opened({ method, url, headers }: HttpCall, { agent, lookup }: Way): ClientRequest {
  const looked = lookup === undefined ? {} : { lookup };
  if (url.protocol === 'https:') return httpsRequest(url, { method, headers, agent, ...looked });
  return process.getBuiltinModule('node:http').request(url, { method, headers });
}

function whenConnected(request: ClientRequest, socket: Socket, connected: () => void): void {
  if (request.reusedSocket) connected();
  else socket.once(request.protocol === 'https:' ? 'secureConnect' : 'connect', connected);
}

function isIdleReset(request: ClientRequest, error: Error): boolean {
  return request.reusedSocket && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

function collect(response: IncomingMessage, largest: number, { cut }: Way, settle: (sent: Sent) => void): void {
  const status = Number(response.statusCode);
  if (status >= 300 && status < 400) {
    settle(noAnswer('redirected', true));
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  const answered = () => {
    const headers = Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)]));
    const body = Buffer.concat(chunks).subarray(0, largest).toString('utf8');
    settle({ kind: 'answer', status, headers, body });
  };
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    chunks.push(chunk);
    if (size <= largest) return;
    if (cut === true) answered();
    else settle(noAnswer('too-large', true));
    response.destroy();
  });
  response.on('error', () => settle(noAnswer('connection-lost', true)));
  response.on('end', answered);
}

function lost(connected: boolean): HttpResult {
  return connected ? noAnswer('connection-lost', true) : noAnswer('not-connected', false);
}

function noAnswer(code: NoAnswer, mayHaveExecuted: boolean): HttpResult {
  return { kind: 'no-answer', code, mayHaveExecuted };
}
