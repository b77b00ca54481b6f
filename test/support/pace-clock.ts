import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import type { HttpCall, HttpResult, Send } from '../../lambda/io/http-client.ts';
import {
  createLimitedClient,
  type LimitedClient,
  type SerialQueue,
  serialQueue,
} from '../../lambda/quota/limited-client.ts';
import { applyResponse, type ObservedResponse } from '../../lambda/quota/rate-headers.ts';
import {
  type Quota,
  type RateLimitState,
  type ReservationRequest,
  tokenInterval,
} from '../../lambda/quota/rate-limit.ts';
import { createRateLimiter, type RateLimiter } from '../../lambda/quota/rate-limiter.ts';
import { answered, heard, minute, now, unanswered } from './pace-heard.ts';
import { memoryRows } from './pace-rows.ts';

/** A clock that stands until it is told to run, and then jumps from one waiting to the next. */
export interface VirtualClock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Runs until nobody waits any more, or until that time. */
  run(until?: number): Promise<void>;
  /** Runs until the work is done and gives what came of it. */
  finish<T>(work: Promise<T>): Promise<T>;
}

interface Waiting {
  readonly at: number;
  readonly wake: () => void;
}

/** Opens a clock that stands at `start`. */
export function virtualClock(start: number): VirtualClock {
  let at = start;
  const waiting: Waiting[] = [];
  const next = async (until: number): Promise<boolean> => {
    await everythingElse();
    const [first] = waiting;
    if (first === undefined || first.at > until) return false;
    waiting.shift();
    at = first.at;
    first.wake();
    return true;
  };
  const run = async (until = Number.POSITIVE_INFINITY) => {
    while (await next(until));
    if (Number.isFinite(until)) at = Math.max(at, until);
  };
  return {
    now: () => at,
    wait: ms => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const one = { at: at + Math.max(0, ms), wake: resolve };
      const later = waiting.findIndex(other => other.at > one.at);
      waiting.splice(later === -1 ? waiting.length : later, 0, one);
      return promise;
    },
    run,
    finish: async work => {
      let done = false;
      const settled = work.finally(() => {
        done = true;
      });
      while (!done && (await next(Number.POSITIVE_INFINITY)));
      return settled;
    },
  };
}

/** Resolves when whatever could go on without the clock has gone on. */
function everythingElse(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve);
  });
}

/** The half of a hundred calls a minute. */
export const quota = { share: 0.5, limit: 100, periodMs: minute };

/** The pace after one more answer. */
export function learn(pace: RateLimitState, result: HttpResult, more: Partial<ObservedResponse> = {}): RateLimitState {
  return applyResponse(pace, heard(result, more), quota);
}

/** A fresh request that needs two calls. */
export function wish(at: number, keyHash = 'key-1'): ReservationRequest {
  return { calls: 2, fresh: true, keyHash, now: at, latest: at + 7000 };
}

/** The pace after five failures in a row, over two receipts. */
export function failing(pace: RateLimitState, at: number): RateLimitState {
  let next = pace;
  for (const receipt of ['a', 'b', 'a', 'b', 'a']) next = learn(next, unanswered, { receipt, now: at });
  return next;
}

export const { intervalMs } = tokenInterval({}, quota);

/** A process over fresh control rows, a clock that stands, and a Voucherify that answers so. */
export function openedGates(answer: Parameters<typeof voucherifyAt>[1] = () => answered(200), of = quota) {
  const clock = virtualClock(now);
  const waits: number[] = [];
  const wait = (ms: number) => {
    waits.push(ms);
    return clock.wait(ms);
  };
  const rows = memoryRows();
  const { send, calls } = voucherifyAt(clock, answer);
  const world = { clock: { ...clock, wait }, rows, quota: of, send };
  return { clock, rows, calls, waits, world, process: startProcess(world), call: (ms = 7000) => callWithin(ms, clock) };
}

/** What all processes of a test share: the clock, the control rows and Voucherify. */
export interface World {
  readonly clock: VirtualClock;
  readonly rows: VersionedStore;
  readonly quota: Quota;
  readonly send: Send;
}

/** A process that has just started: it has seen no row yet. */
export interface Process {
  readonly rateLimiter: RateLimiter;
  /** The way of a new attempt. */
  gate(fresh: boolean, receipt?: string): LimitedClient;
}

export function startProcess({ clock, rows, quota, send }: World): Process {
  const shared = {
    rateLimiter: createRateLimiter('main', quota, rows),
    queue: serialQueue() satisfies SerialQueue,
    send,
  };
  return {
    rateLimiter: shared.rateLimiter,
    gate: (fresh, receipt = 'receipt-1') =>
      createLimitedClient({ ...shared, now: clock.now, wait: clock.wait, fresh, receipt }),
  };
}

/** Voucherify as far as the pace knows it: answers, and remembers when it was called. */
export function voucherifyAt(
  clock: Pick<VirtualClock, 'now'>,
  answer: (call: HttpCall) => HttpResult | Promise<HttpResult> = () => answered(200),
): { readonly send: Send; readonly calls: { at: number; call: HttpCall }[] } {
  const calls: { at: number; call: HttpCall }[] = [];
  const send: Send = async call => {
    calls.push({ at: clock.now(), call });
    return answer(call);
  };
  return { send, calls };
}

/** A call under an application key, with that many milliseconds to go. */
export function callWithin(ms: number, { now }: Pick<VirtualClock, 'now'>, token = 'token-1'): HttpCall {
  const headers = { 'X-App-Id': 'app-1', 'X-App-Token': token };
  return { method: 'GET', url: new URL('https://api.voucherify.io/v1/customers/a'), headers, until: now() + ms };
}
