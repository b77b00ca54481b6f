import { hash } from 'node:crypto';
import type { HttpCall, HttpResult, Send } from '../io/http-client.ts';
import {
  type BreakerEffect,
  type Capacity,
  initialRateLimit,
  leastCallMs,
  type QuotaEffect,
  type Reservation,
  type ReservationRequest,
} from './rate-limit.ts';
import type { RateLimiter } from './rate-limiter.ts';

/** The call was not sent: the project is rate-limited, or too little time is left. */
export interface RateLimited {
  readonly kind: 'rate-limited';
  readonly code: string;
  readonly until?: number;
}

/**
 * Decides what a result means for the caller, and for the rate limit and the breaker of its project. `failingSince` is the
 * time of the first of the failures before it, if the last call failed.
 */
type Classify<R extends QuotaEffect> = (result: HttpResult, now: number, failingSince?: number) => R;

/** Sends a call within the rate limit and returns its classified result. Never throws. */
export type LimitedSend = <R extends QuotaEffect>(call: HttpCall, classify: Classify<R>) => Promise<R | RateLimited>;

/** The number of calls to expect, so that one reservation covers them. */
export interface ExpectedCalls {
  readonly calls: number;
  /** Each GET is followed by the POST that it allows: a reservation covers both. */
  readonly inPairs?: boolean;
}

/** The rate-limited client of one attempt for one project. It sends no call without a reservation. */
export interface LimitedClient {
  readonly send: LimitedSend;
  /**
   * Sends a call only if no erasure needs its place in the quota now, and never so late that calls which are reserved
   * expire. Of its result, only a used-up quota changes the breaker.
   */
  readonly sendSpare: LimitedSend;
  /** Replaces the number of calls that are still expected. */
  expectCalls(expected: ExpectedCalls): void;
  capacity(): Capacity;
  /**
   * Reserves expected calls in advance, for use until `until`. Returns the reason if they are rate-limited. Reservations of
   * the sweep also wait for their time here; a fresh one waits when its first call is sent.
   */
  reserve(headers: HttpCall['headers'], until: number): Promise<RateLimited | undefined>;
  /** Returns the reserved calls if none was sent and no later call is reserved yet. Never throws. */
  release(): Promise<void>;
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

type Reserved = Extract<Reservation, { kind: 'reserved' }>;

/** Before the first reservation: none of its calls is left. */
const nothingReserved: Reserved = {
  ...{ kind: 'reserved', at: 0, calls: 0, probe: false, next: initialRateLimit, atMost: 0 },
  interval: { allowed: 1, intervalMs: 0, burst: 1, lateMs: 0 },
};

const outOfTime: RateLimited = { kind: 'rate-limited', code: 'out-of-time' };

/** Creates the rate-limited client of one attempt for one project. */
export function createLimitedClient(options: LimitedClientOptions): LimitedClient {
  const { rateLimiter, now, fresh } = options;
  let reservation = nothingReserved;
  /** Reserved calls that are not sent yet. */
  let left = 0;
  let expected = 1;
  /** Calls that are useless one without the other. */
  let together = 1;
  const isTooLate = ({ until }: HttpCall) => now() > until - leastCallMs;
  const reserve = async (keyHash: string, until: number): Promise<RateLimited | undefined> => {
    const request = { expected, together, fresh, keyHash, latest: until - leastCallMs };
    const result = await (fresh
      ? rateLimiter.reserve({ ...request, now: now() })
      : options.queue(() => reserveAndWait(request, options)));
    if (result.kind === 'rate-limited') return result;
    reservation = result;
    left = result.calls;
    return undefined;
  };

  /** Whether the reservation covers a call. A GET needs its POST reserved too; the probe of an open breaker is one call. */
  const isReserved = ({ method }: HttpCall): boolean => {
    // Reserved calls that were not sent in time are discarded: a later call would exceed the quota.
    while (left > 0 && now() > validUntil(reservation, left)) left -= 1;
    const isPair = method === 'GET' && !reservation.probe;
    return left >= (isPair ? Math.min(together, reservation.interval.burst) : 1);
  };

  return {
    reserve: (headers, until) => reserve(hashCredentials(headers), until),
    release: async () => {
      if (left > 0 && left === reservation.calls) await rateLimiter.release(reservation);
      left = 0;
    },
    expectCalls: ({ calls, inPairs = false }) => {
      expected = Math.max(1, calls);
      together = inPairs ? 2 : 1;
    },
    capacity: rateLimiter.capacity,
    sendSpare: (call, classify) => {
      const ends = left > 0 ? validUntil(reservation, left) - leastCallMs : call.until;
      return sendSpare({ ...call, until: Math.min(call.until, ends) }, classify, options);
    },
    send: async (call, classify) => {
      if (isTooLate(call)) return outOfTime;
      const keyHash = hashCredentials(call.headers);
      const refused = isReserved(call) ? undefined : await reserve(keyHash, call.until);
      if (refused !== undefined) return refused;
      await waitFor(reservation, options);
      if (isTooLate(call)) return outOfTime;
      const blocked = reservation.probe ? undefined : rateLimiter.blockedBy(keyHash, now());
      if (blocked !== undefined) return blocked;
      left -= 1;
      expected = Math.max(1, expected - 1);
      return execute(call, keyHash, classify, options);
    },
  };
}

/** Sends one call and stores what its result says about the rate limit and the breaker. */
async function execute<R extends QuotaEffect>(
  call: HttpCall,
  keyHash: string,
  classify: Classify<R>,
  { rateLimiter, send, now, receipt }: LimitedClientOptions,
  effectOf: (breaker: BreakerEffect) => BreakerEffect = breaker => breaker,
): Promise<R> {
  const sentAt = now();
  const result: R = classify(await send(call), now(), rateLimiter.failingSince());
  const { breaker, rateHeaders }: QuotaEffect = result;
  const effect = { breaker: effectOf(breaker), ...(rateHeaders && { rateHeaders }) };
  const byToken = call.headers['Authorization'] !== undefined;
  await rateLimiter.observe({ ...effect, receipt, keyHash, byToken, sentAt, now: now() });
  return result;
}

async function sendSpare<R extends QuotaEffect>(
  call: HttpCall,
  classify: Classify<R>,
  options: LimitedClientOptions,
): Promise<R | RateLimited> {
  const now = options.now();
  if (now > call.until - leastCallMs) return outOfTime;
  const keyHash = hashCredentials(call.headers);
  const request = { expected: 1, together: 1, fresh: false, spare: true, keyHash, now, latest: now };
  const reservation = await options.rateLimiter.reserve(request);
  return reservation.kind === 'rate-limited' ? reservation : execute(call, keyHash, classify, options, spareEffect);
}

/** Of a spare call, only a used-up quota says something about the calls of erasures. */
function spareEffect(breaker: BreakerEffect): BreakerEffect {
  return breaker.kind === 'open' && breaker.blocks === 'project' ? breaker : { kind: 'none' };
}

/** Returns until when the next call of a reservation may be sent; a later call would exceed the quota. */
export function validUntil({ interval, next }: Reserved, left: number): number {
  return next.notBefore - left * interval.intervalMs + interval.lateMs;
}

/**
 * Reserves calls and waits for the first one. The sweep does so one at a time, so that it never delays a fresh request
 * for long.
 */
async function reserveAndWait(
  request: Omit<ReservationRequest, 'now'>,
  options: LimitedClientOptions,
): Promise<Reservation> {
  const reservation = await options.rateLimiter.reserve({ ...request, now: options.now() });
  if (reservation.kind === 'reserved') await waitFor(reservation, options);
  return reservation;
}

/** Waits for the time of the first reserved call. */
async function waitFor({ at }: Reserved, { now, wait }: LimitedClientOptions): Promise<void> {
  const ahead = at - now();
  if (ahead > 0) await wait(Math.ceil(ahead));
}

/** Hashes the credentials, so that a new key is not blocked by the breaker of the old one. */
function hashCredentials(headers: HttpCall['headers']): string {
  const credentials = ['X-App-Id', 'X-App-Token', 'Authorization'].map(name => headers[name]);
  return hash('sha256', JSON.stringify(credentials), 'base64url').slice(0, 22);
}
