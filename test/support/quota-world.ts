import type { VersionedStore } from '../../lambda/control/versioned-store.ts';
import type { HttpCall, HttpResult, Send } from '../../lambda/io/http-client.ts';
import {
  createLimitedClient,
  type ExpectedCalls,
  type LimitedClient,
  type RateLimited,
  serialQueue,
} from '../../lambda/quota/limited-client.ts';
import type { ObservedCall, Quota, ReservationRequest } from '../../lambda/quota/rate-limit.ts';
import { createRateLimiter, type RateLimiter } from '../../lambda/quota/rate-limiter.ts';
import { type CallResult, classify } from '../../lambda/voucherify/responses.ts';
import { memoryRows } from './memory-rows.ts';
import { type VirtualClock, virtualClock } from './virtual-clock.ts';

export const now = Date.UTC(2026, 10, 24, 12);
export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;

/** Half of a hundred calls a minute. */
export const quota: Quota = { share: 0.5, limit: 100, periodMs: minute };

type Headers = Readonly<Record<string, string>>;

export function response(status: number, headers: Headers = {}): HttpResult {
  return { kind: 'response', status, headers, body: '' };
}

export const noResponse: HttpResult = { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true };

/** The rate-limit headers of a response; `resetMs` counts from `now`. */
export function rateHeaders(limit: number, remaining: number, resetMs: number): Headers {
  return {
    'x-rate-limit-limit': String(limit),
    'x-rate-limit-remaining': String(remaining),
    'x-rate-limit-retry': String((now + resetMs) / 1000),
  };
}

/** A classified call of one receipt with one key, answered at once unless `more` says otherwise. */
export function observed(result: HttpResult, more: Partial<ObservedCall> = {}): ObservedCall {
  const at = more.now ?? now;
  return {
    ...classify(result, at),
    receipt: 'receipt-1',
    keyHash: 'key-1',
    byToken: false,
    sentAt: at,
    now: at,
    ...more,
  };
}

/** A reservation request of a fresh request for one call. */
export function request(more: Partial<ReservationRequest> = {}): ReservationRequest {
  return { expected: 1, together: 1, fresh: true, keyHash: 'key-1', now, latest: (more.now ?? now) + 7000, ...more };
}

/** What all processes of a test share: the clock, the rows and Voucherify. */
export interface World {
  readonly clock: VirtualClock;
  readonly rows: VersionedStore;
  readonly quota: Quota;
  readonly send: Send;
}

/** A process that has just started: it has read no row yet. */
export interface Process {
  readonly rateLimiter: RateLimiter;
  client(fresh: boolean, expected?: ExpectedCalls, receipt?: string): TestClient;
}

/** A rate-limited client that returns the response and its classification. */
interface TestClient extends Omit<LimitedClient, 'send'> {
  send(call: HttpCall): Promise<(CallResult & { readonly result: HttpResult }) | RateLimited>;
  /** Reserves with the headers and the time of a call. */
  reserveFor(call: HttpCall): ReturnType<LimitedClient['reserve']>;
}

export function startProcess({ clock, rows, quota: limit, send }: World): Process {
  const rateLimiter = createRateLimiter('main', limit, rows);
  const shared = { rateLimiter, queue: serialQueue(), send, now: clock.now, wait: clock.wait };
  return {
    rateLimiter,
    client: (fresh, expected = { calls: 1 }, receipt = 'receipt-1') => {
      const client = createLimitedClient({ ...shared, fresh, receipt });
      client.expectCalls(expected);
      return {
        ...client,
        send: call => client.send(call, (result, at) => ({ ...classify(result, at), result })),
        reserveFor: ({ headers, until }) => client.reserve(headers, until),
      };
    },
  };
}

/** One process over empty rows, a virtual clock, and a Voucherify with these responses. */
export function oneProcess(respond: Parameters<typeof voucherifyAt>[1] = () => response(200), limit = quota) {
  const clock = virtualClock(now);
  const waits: number[] = [];
  const wait = (ms: number) => {
    waits.push(ms);
    return clock.wait(ms);
  };
  const rows = memoryRows();
  const { send, calls } = voucherifyAt(clock, respond);
  const process = startProcess({ clock: { ...clock, wait }, rows, quota: limit, send });
  return { clock, rows, calls, waits, process, call: (ms = 7000) => callWithin(ms, clock) };
}

/** A Voucherify that records when it was called. */
export function voucherifyAt(
  clock: Pick<VirtualClock, 'now'>,
  respond: (call: HttpCall) => HttpResult | Promise<HttpResult> = () => response(200),
): { readonly send: Send; readonly calls: { at: number; call: HttpCall }[] } {
  const calls: { at: number; call: HttpCall }[] = [];
  const send: Send = async call => {
    calls.push({ at: clock.now(), call });
    return respond(call);
  };
  return { send, calls };
}

/** A call with an application key and a deadline in that many milliseconds. */
export function callWithin(ms: number, clock: Pick<VirtualClock, 'now'>): HttpCall {
  const headers = { 'X-App-Id': 'app-1', 'X-App-Token': 'token-1' };
  return { method: 'GET', url: new URL('https://api.voucherify.io/v1/customers/a'), headers, until: clock.now() + ms };
}

/** Returns the most calls in any sliding period, which includes its start but not its end. */
export function mostInAPeriod(times: readonly number[], periodMs: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  let from = 0;
  for (const [at, time] of sorted.entries()) {
    while (time - (sorted[from] ?? 0) >= periodMs) from += 1;
    most = Math.max(most, at - from + 1);
  }
  return most;
}

/** Returns how many calls a period allows: the whole calls of the share, and never less than one. */
export function mostAllowed(limit: number, share: number): number {
  return Math.max(1, Math.floor(limit * share + 1e-9));
}
