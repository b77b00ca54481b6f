import { createHash } from 'node:crypto';
import type { HttpCall, HttpResult, Send } from '../io/http-client.ts';
import { type Reservation, validUntil } from './rate-limit.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** The call was not sent: the project is rate-limited, or too little time is left. */
export interface RateLimited {
  readonly kind: 'held';
  readonly code: string;
  readonly until?: number;
}

export type LimitedSend = (call: HttpCall) => Promise<HttpResult | RateLimited>;

/** The number of calls to expect, so that one reservation covers them. */
export interface ExpectedCalls {
  readonly calls: number;
  /** Each GET is followed by the POST that it allows: a reservation covers both. */
  readonly inPairs?: boolean;
}

/** The most calls that fit, however long the caller waits. */
interface Capacity {
  /** Calls that can be sent at once; 0 if the share is less than one call per period. */
  readonly together: number;
  /** Calls that fit into one attempt of the sweep. */
  readonly inAttempt: number;
}

/** The rate-limited client of one attempt for one project. It sends no call without a reservation. */
export interface LimitedClient {
  readonly send: LimitedSend;
  expectCalls(expected: ExpectedCalls): void;
  capacity(): Capacity;
  /** Reserves calls in advance and waits for them until `until`. Returns the reason if they are rate-limited. */
  reserve(calls: number, headers: HttpCall['headers'], until: number): Promise<RateLimited | undefined>;
}

export interface LimitedClientOptions {
  readonly rateLimiter: RateLimiter;
  readonly send: Send;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Fresh requests may use the burst and wait in parallel; reservations of the sweep wait one at a time. */
  readonly fresh: boolean;
  readonly queue: SerialQueue;
  /** The receipt's id. The breaker needs failures of more than one receipt. */
  readonly receipt: string;
}

/** Runs the given functions one after the other. */
export type SerialQueue = <T>(work: () => Promise<T>) => Promise<T>;

/** Creates an empty queue. */
export function serialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return work => {
    const current = last.then(work, work);
    last = current.catch(() => undefined);
    return current;
  };
}

/** Maximum duration of one attempt of the sweep, in milliseconds. */
export const attemptMs = 25_000;

/** Minimum time for one call, in milliseconds. */
const leastCallMs = 200;

type Reserved = Extract<Reservation, { kind: 'reserved' }>;

/** Creates the rate-limited client of one attempt for one project. */
export function createLimitedClient(options: LimitedClientOptions): LimitedClient {
  let place: Reserved | undefined;
  let left = 0;
  let toCome = 0;
  let together = 1;
  const admit: LimitedClient['reserve'] = async (calls, headers, until) => {
    const most = Math.max(together, mostAtOnce(options));
    const many = Math.min(
      Math.max(together, Math.min(calls, most - (most % together))),
      options.rateLimiter.tokenInterval().burst,
    );
    const next = await reserved(options, many, keyHash(headers), until - leastCallMs);
    if (next.kind === 'held') return next;
    place = next;
    left = next.calls;
    return undefined;
  };
  /** Discards reserved calls that were not used in time: a later call would exceed the quota. */
  const good = () => {
    while (place !== undefined && left > 0 && options.now() > validUntil(place, left)) left -= 1;
    return left;
  };
  /** A look-up is sent only if the deletion after it is reserved too. The probe of an open breaker is a single call. */
  const least = ({ method }: HttpCall) =>
    method === 'GET' && place?.probe !== true ? Math.min(together, options.rateLimiter.tokenInterval().burst) : 1;
  const held = async (call: HttpCall): Promise<RateLimited | undefined> => {
    const { headers, until } = call;
    if (options.now() > until - leastCallMs) return { kind: 'held', code: 'out-of-time' };
    const holds = good() >= least(call) ? undefined : await admit(Math.max(1, toCome), headers, until);
    if (holds !== undefined || place?.probe === true) return holds;
    return options.rateLimiter.blockedBy(keyHash(headers), options.now());
  };
  return {
    reserve: admit,
    expectCalls({ calls, inPairs = false }) {
      toCome = calls;
      together = inPairs ? 2 : 1;
    },
    capacity: () => capacityOf(options),
    send: async call => {
      const holds = await held(call);
      if (holds !== undefined) return holds;
      left -= 1;
      toCome = Math.max(0, toCome - 1);
      return sendAndObserve(options, call);
    },
  };
}

/**
 * The sweep reserves half a burst at once: then a fresh request does not wait for the sweep. If the
 * next call would not fit into the attempt, the sweep reserves the whole burst.
 */
function mostAtOnce({ rateLimiter, fresh }: Pick<LimitedClientOptions, 'rateLimiter' | 'fresh'>): number {
  const { burst, intervalMs } = rateLimiter.tokenInterval();
  return fresh || intervalMs > attemptMs / 2 ? burst : Math.max(1, Math.floor(burst / 2));
}

function capacityOf({ rateLimiter }: LimitedClientOptions): Capacity {
  const { allowed, burst, intervalMs } = rateLimiter.tokenInterval();
  const atOnce = mostAtOnce({ rateLimiter, fresh: false });
  const followUps = Math.floor((attemptMs - leastCallMs) / (atOnce * intervalMs));
  return { together: allowed < 1 ? 0 : burst, inAttempt: atOnce * (1 + followUps) };
}

async function sendAndObserve(
  { rateLimiter, send, now, receipt }: LimitedClientOptions,
  call: HttpCall,
): Promise<HttpResult> {
  const sentAt = now();
  const result = await send(call);
  const byToken = call.headers['Authorization'] !== undefined;
  await rateLimiter.observe({ result, receipt, keyHash: keyHash(call.headers), byToken, sentAt, now: now() });
  return result;
}

/** Reservations of the sweep wait one after the other, so that they never delay a fresh request for long. */
function reserved(options: LimitedClientOptions, calls: number, key: string, latest: number): Promise<Reservation> {
  const reserveAndWait = async (): Promise<Reservation> => {
    const request = { calls, fresh: options.fresh, keyHash: key, now: options.now(), latest };
    const reservation = await options.rateLimiter.reserve(request);
    const ahead = reservation.kind === 'reserved' ? reservation.at - options.now() : 0;
    if (ahead > 0) await options.wait(Math.ceil(ahead));
    return reservation;
  };
  return options.fresh ? reserveAndWait() : options.queue(reserveAndWait);
}

/** Hashes the credentials, so that a new key is not blocked by the breaker of the old one. */
function keyHash(headers: HttpCall['headers']): string {
  const credentials = ['X-App-Id', 'X-App-Token', 'Authorization'].map(name => headers[name] ?? '');
  return createHash('sha256').update(JSON.stringify(credentials)).digest('base64url').slice(0, 22);
}
