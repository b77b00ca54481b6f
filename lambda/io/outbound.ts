import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';

/** One call to another service. `until` is one deadline for all of it, the body read included (epoch ms). */
export interface OutboundCall {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly until: number;
  /** Bytes of the answer that are read, where the usual cap is too small. */
  readonly largest?: number;
  /** Whether it may be sent a second time, see {@link outbound}. Never for a call that must not happen twice. */
  readonly repeatable?: boolean;
}

/**
 * What came back: an answer, or none. `effect` says whether the other side may have acted: it cannot have where no
 * connection was ever made.
 */
export type OutboundResult =
  | {
      readonly kind: 'answer';
      readonly status: number;
      /** Lower-case names. */
      readonly headers: Readonly<Record<string, string | undefined>>;
      readonly body: string;
    }
  | { readonly kind: 'no-answer'; readonly code: NoAnswer; readonly effect: 'none' | 'possible' };

type NoAnswer = 'not-connected' | 'timed-out' | 'cut-off' | 'redirected' | 'too-large';

/** Sends a call and never throws: what goes wrong is a value that names neither URL, headers nor body. */
export type Send = (call: OutboundCall) => Promise<OutboundResult>;

/** Largest answer body that is read, in bytes. */
export const largestAnswer = 65_536;

export interface Reach {
  /** Finds and checks the addresses of a host name. */
  readonly lookup?: LookupFunction;
  /** Bytes of an answer that are read; a longer one is no answer, or with `cut` one that is cut off there. */
  readonly largest?: number;
  readonly cut?: boolean;
}

/**
 * A sender that keeps connections alive. Redirects are not followed: they would carry the key to another origin. The one
 * retry is for a reset of a reused connection before any byte of the answer, which is how an idle connection ends, and
 * only for a call that is `repeatable`: the other side may have acted on the first one.
 */
export function outbound(now: () => number, reach: Reach = {}): Send {
  const agent = new Agent({ keepAlive: true });
  return async call => {
    const first = await sendOnce(call, now, { ...reach, agent });
    if (first !== 'reset-while-idle') return first;
    if (call.repeatable !== true) return noAnswer('cut-off', true);
    const second = await sendOnce(call, now, { ...reach, agent: new Agent() });
    if (second === 'reset-while-idle') return noAnswer('cut-off', true);
    return second.kind === 'answer' ? second : { ...second, effect: 'possible' };
  };
}

type Sent = OutboundResult | 'reset-while-idle';

interface Way extends Reach {
  readonly agent: Agent;
}

function sendOnce(call: OutboundCall, now: () => number, way: Way): Promise<Sent> {
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
    request.on('response', response => collect(response, call.largest ?? way.largest ?? largestAnswer, way, settle));
    request.end(call.body);
  });
}

/** A header or protocol that Node refuses makes no call; its error would name the value. */
function openedOrUndefined(call: OutboundCall, way: Way): ClientRequest | undefined {
  try {
    return opened(call, way);
  } catch {
    return undefined;
  }
}

/** Plain http is for loopback only, which settings see to; `node:http` is loaded only where it is needed. */
function opened({ method, url, headers }: OutboundCall, { agent, lookup }: Way): ClientRequest {
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
  response.on('error', () => settle(noAnswer('cut-off', true)));
  response.on('end', answered);
}

function lost(connected: boolean): OutboundResult {
  return connected ? noAnswer('cut-off', true) : noAnswer('not-connected', false);
}

function noAnswer(code: NoAnswer, mayHaveActed: boolean): OutboundResult {
  return { kind: 'no-answer', code, effect: mayHaveActed ? 'possible' : 'none' };
}
