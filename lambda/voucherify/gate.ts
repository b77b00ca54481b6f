import { createHash } from 'node:crypto';
import type { HttpCall, HttpResult, Send } from '../io/outbound.ts';
import { type Reservation, validUntil } from './pace.ts';
import type { RateLimiter } from './pacer.ts';

/** The call was not made: nobody may call yet, or there is no time left for it. */
export interface RateLimited {
  readonly kind: 'held';
  readonly code: string;
  readonly until?: number;
}

export type LimitedSend = (call: HttpCall) => Promise<HttpResult | RateLimited>;

/** Calls that are to come, so that one reservation covers them. */
export interface ExpectedCalls {
  readonly calls: number;
  /** Each GET is followed by the POST that it allows: a reservation holds both. */
  readonly inPairs?: boolean;
}

/** What can ever fit, however long it is waited for. */
interface Capacity {
  /** Calls that can go out one right after the other; none where the share is less than one call a period. */
  readonly together: number;
  /** Calls of one whole attempt of the sweep. */
  readonly inAttempt: number;
}

/** The way of one attempt to one project: every call of it passes here, and none without a reservation. */
export interface LimitedClient {
  readonly send: LimitedSend;
  expectCalls(expected: ExpectedCalls): void;
  capacity(): Capacity;
  /** Reserves before there is a call, waiting for the place until `until`. Gives what holds it, if anything does. */
  reserve(calls: number, headers: HttpCall['headers'], until: number): Promise<RateLimited | undefined>;
}

export interface LimitedClientOptions {
  readonly rateLimiter: RateLimiter;
  readonly send: Send;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Fresh requests may use the burst and wait beside each other; the sweep's wait in line, one at a time. */
  readonly fresh: boolean;
  readonly queue: SerialQueue;
  /** The receipt's id, for telling whether failures are of one receipt or of many. */
  readonly receipt: string;
}

/** Runs one after the other what is handed to it. */
export type SerialQueue = <T>(work: () => Promise<T>) => Promise<T>;

/** A new, empty line. */
export function serialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return work => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Longest that one attempt of the sweep takes, in milliseconds. */
export const attemptMs = 25_000;

/** Less time than this is not enough for a call, in milliseconds. */
const leastCallMs = 200;

type Reserved = Extract<Reservation, { kind: 'reserved' }>;

/** Opens the way of one attempt to one project. */
export function createLimitedClient(way: LimitedClientOptions): LimitedClient {
  let place: Reserved | undefined;
  let left = 0;
  let toCome = 0;
  let together = 1;
  const admit: LimitedClient['reserve'] = async (calls, headers, until) => {
    const most = Math.max(together, mostAtOnce(way));
    const many = Math.min(
      Math.max(together, Math.min(calls, most - (most % together))),
      way.rateLimiter.rhythm().burst,
    );
    const next = await reserved(way, many, keyHash(headers), until - leastCallMs);
    if (next.kind === 'held') return next;
    place = next;
    left = next.calls;
    return undefined;
  };
  /** What was reserved and not used in time is lost: a call that is later still would be one too many. */
  const good = () => {
    while (place !== undefined && left > 0 && way.now() > validUntil(place, left)) left -= 1;
    return left;
  };
  /** A look is made only where the deletion after it has its place too; the probe of a closed project is alone. */
  const least = ({ method }: HttpCall) =>
    method === 'GET' && place?.probe !== true ? Math.min(together, way.rateLimiter.rhythm().burst) : 1;
  const held = async (call: HttpCall): Promise<RateLimited | undefined> => {
    const { headers, until } = call;
    if (way.now() > until - leastCallMs) return { kind: 'held', code: 'out-of-time' };
    const holds = good() >= least(call) ? undefined : await admit(Math.max(1, toCome), headers, until);
    if (holds !== undefined || place?.probe === true) return holds;
    return way.rateLimiter.blockedBy(keyHash(headers), way.now());
  };
  return {
    reserve: admit,
    expectCalls({ calls, inPairs = false }) {
      toCome = calls;
      together = inPairs ? 2 : 1;
    },
    capacity: () => capacityOf(way),
    send: async call => {
      const holds = await held(call);
      if (holds !== undefined) return holds;
      left -= 1;
      toCome = Math.max(0, toCome - 1);
      return sendAndLearn(way, call);
    },
  };
}

/**
 * The sweep reserves half a burst at once: then a fresh request's own burst reaches beyond what lies before it. Where the
 * next call would not fit into the attempt, it takes all of it.
 */
function mostAtOnce({ rateLimiter, fresh }: Pick<LimitedClientOptions, 'rateLimiter' | 'fresh'>): number {
  const { burst, intervalMs } = rateLimiter.rhythm();
  return fresh || intervalMs > attemptMs / 2 ? burst : Math.max(1, Math.floor(burst / 2));
}

function capacityOf({ rateLimiter }: LimitedClientOptions): Capacity {
  const { allowed, burst, intervalMs } = rateLimiter.rhythm();
  const atOnce = mostAtOnce({ rateLimiter, fresh: false });
  const followUps = Math.floor((attemptMs - leastCallMs) / (atOnce * intervalMs));
  return { together: allowed < 1 ? 0 : burst, inAttempt: atOnce * (1 + followUps) };
}

async function sendAndLearn(
  { rateLimiter, send, now, receipt }: LimitedClientOptions,
  call: HttpCall,
): Promise<HttpResult> {
  const sentAt = now();
  const result = await send(call);
  const byToken = call.headers['Authorization'] !== undefined;
  await rateLimiter.observe({ result, receipt, keyHash: keyHash(call.headers), byToken, sentAt, now: now() });
  return result;
}

/** The sweep waits in line, one after the other, so that what it has reserved never lies far ahead of a fresh request. */
function reserved(way: LimitedClientOptions, calls: number, key: string, latest: number): Promise<Reservation> {
  const reserveAndWait = async (): Promise<Reservation> => {
    const wish = { calls, fresh: way.fresh, keyHash: key, now: way.now(), latest };
    const reservation = await way.rateLimiter.reserve(wish);
    const ahead = reservation.kind === 'reserved' ? reservation.at - way.now() : 0;
    if (ahead > 0) await way.wait(Math.ceil(ahead));
    return reservation;
  };
  return way.fresh ? reserveAndWait() : way.queue(reserveAndWait);
}

/** A key is known by a hash of what it sends, so that a new one opens what the old one closed. */
function keyHash(headers: HttpCall['headers']): string {
  const credentials = ['X-App-Id', 'X-App-Token', 'Authorization'].map(name => headers[name] ?? '');
  return createHash('sha256').update(JSON.stringify(credentials)).digest('base64url').slice(0, 22);
}
