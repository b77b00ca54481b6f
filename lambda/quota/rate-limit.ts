import * as v from 'valibot';
import type { VersionedRow } from '../control/versioned-store.ts';

/**
 * The rate-limit state of one project. The shop's checkout needs the quota too, so at most a share of it is used. One row
 * stores the limiter (`notBefore`, its token time) and the circuit breaker (`breaker`). Times are epoch milliseconds.
 */
const rateLimitSchema = v.looseObject({
  /** The theoretical arrival time of GCRA: each reservation moves it ahead, and a burst may start before it. */
  notBefore: v.number(),
  /** Too little is left of the limit for the shop itself: no call before this. */
  reservedForShopUntil: v.exactOptional(v.number()),
  breaker: v.exactOptional(
    v.looseObject({
      openUntil: v.number(),
      /** When the breaker last opened: the response to an earlier call does not close it. */
      openedAt: v.optional(v.number(), 0),
      code: v.string(),
      /** Consecutive trips: the step of the backoff. */
      trips: v.number(),
      /** Hash of the refused key: another key is not blocked. */
      keyHash: v.exactOptional(v.string()),
    }),
  ),
  /** The limit from Voucherify's headers; it replaces the one in settings. */
  limit: v.exactOptional(v.number()),
  periodMs: v.exactOptional(v.number()),
  /** Failures in a row, the last receipts that had them, and the time of the first one. */
  failures: v.exactOptional(
    v.looseObject({ count: v.number(), receipts: v.array(v.string()), since: v.exactOptional(v.number()) }),
  ),
});

export type RateLimitState = v.InferOutput<typeof rateLimitSchema>;

/** The state of a project that was never called. */
export const initialRateLimit: RateLimitState = { notBefore: 0 };

/** Parses a stored row. Returns `undefined` if it is unreadable; then no call may be sent. */
export function parseRateLimit({ value, tokenTime = 0 }: Omit<VersionedRow, 'revision'>): RateLimitState | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const parsed = v.safeParse(rateLimitSchema, { ...value, notBefore: tokenTime });
  return parsed.success ? parsed.output : undefined;
}

/** Returns the value to store: everything but the token time, which is advanced on its own. */
export function storedRateLimit({ notBefore: _, ...value }: RateLimitState): object {
  return value;
}

export interface ReservationRequest {
  /** Calls that are still needed. One reservation covers at most a burst of them. */
  readonly expected: number;
  /** Calls that are useless one without the other; they are reserved together if the burst allows it. */
  readonly together: number;
  /** A fresh request may use the burst; the sweep waits until all earlier reservations are used up. */
  readonly fresh: boolean;
  /** Only a call that no erasure needs now, see {@link reserveSpare}. */
  readonly spare?: boolean;
  readonly keyHash: string;
  readonly now: number;
  /** Latest useful time of the first call. */
  readonly latest: number;
}

export type Reservation =
  | {
      readonly kind: 'reserved';
      readonly at: number;
      readonly calls: number;
      /** The single call that tests whether an open breaker can close. */
      readonly probe: boolean;
      readonly interval: TokenInterval;
      readonly next: RateLimitState;
      /** The latest `notBefore` of the state with which the same calls can be reserved in time. */
      readonly atMost: number;
    }
  | { readonly kind: 'rate-limited'; readonly until: number; readonly code: string };

/** Reserves calls, or returns how long calls are rate-limited. An open breaker lets one probe through after each wait. */
export function reserve(state: RateLimitState, request: ReservationRequest, quota: Quota): Reservation {
  const current = breakerFor(state, request.keyHash);
  const interval = tokenInterval(state, quota);
  if (request.spare === true) return reserveSpare(state, request, interval);
  if (current === undefined) {
    const { breaker: _, ...open } = state;
    return reserveCalls(open, callsAtOnce(request, interval), request, interval);
  }
  if (current.openUntil > request.now) return { kind: 'rate-limited', until: current.openUntil, code: current.code };
  const probe = reserveCalls(state, 1, request, interval);
  if (probe.kind === 'rate-limited') return probe;
  const breaker = { ...current, openUntil: probe.at + stepMs(current) };
  // The breaker's new time belongs to this token time only.
  return { ...probe, probe: true, next: { ...probe.next, breaker }, atMost: Math.max(state.notBefore, probe.at) };
}

/** Returns the breaker that applies to this key. A breaker opened by a refused key applies to that key only. */
export function breakerFor({ breaker }: RateLimitState, keyHash: string): RateLimitState['breaker'] {
  return breaker?.keyHash !== undefined && breaker.keyHash !== keyHash ? undefined : breaker;
}

/** Returns the number of expected calls that one reservation covers. */
function callsAtOnce({ expected, together, fresh }: ReservationRequest, interval: TokenInterval): number {
  const most = Math.max(together, mostAtOnce(interval, fresh));
  return Math.min(Math.max(together, Math.min(expected, most - (most % together))), interval.burst);
}

/**
 * The sweep reserves half a burst at once: then a fresh request does not wait for the sweep. If the next call would not fit
 * into the attempt, the sweep reserves the whole burst.
 */
function mostAtOnce({ burst, intervalMs }: TokenInterval, fresh: boolean): number {
  return fresh || intervalMs > attemptMs / 2 ? burst : Math.max(1, Math.floor(burst / 2));
}

/** Returns how long before `notBefore` calls may start, in milliseconds: the burst belongs to fresh requests. */
function creditFor(calls: number, { fresh }: ReservationRequest, { burst, intervalMs }: TokenInterval): number {
  return fresh ? Math.max(0, burst - calls) * intervalMs : 0;
}

function reserveCalls(
  state: RateLimitState,
  calls: number,
  request: ReservationRequest,
  interval: TokenInterval,
  credit: number = creditFor(calls, request, interval),
): Reservation {
  const { now, latest } = request;
  const at = Math.max(now, state.notBefore - credit, state.reservedForShopUntil ?? 0);
  if (at > latest) return { kind: 'rate-limited', until: at, code: 'rate-limited' };
  const next = { ...state, notBefore: Math.max(state.notBefore, at) + calls * interval.intervalMs };
  return { kind: 'reserved', at, calls, probe: false, interval, next, atMost: latest + credit };
}

/** The calls of most erasures: a look-up and a deletion. */
const keptCalls = 2;

/** The longest time that the sweep may wait for its calls because of spare ones, in milliseconds. */
const mostSpareMs = 10_000;

/**
 * Reserves one call that no erasure needs now: a fresh request still gets two calls at once, and the sweep waits at most
 * {@link mostSpareMs}. With a smaller quota there are no spare calls. A spare call never probes a breaker.
 */
function reserveSpare(state: RateLimitState, request: ReservationRequest, interval: TokenInterval): Reservation {
  const { burst, intervalMs } = interval;
  const breaker = breakerFor(state, request.keyHash);
  if (breaker !== undefined) return { kind: 'rate-limited', until: breaker.openUntil, code: breaker.code };
  if (!hasSpareCalls(interval)) return noSpareCalls;
  const credit = (burst - keptCalls - 1) * intervalMs;
  return reserveCalls(state, 1, { ...request, latest: request.now }, interval, credit);
}

/** Returns whether a quota has calls that no erasure needs. */
export function hasSpareCalls({ burst, intervalMs }: TokenInterval): boolean {
  return burst > keptCalls && (burst - keptCalls) * intervalMs <= mostSpareMs;
}

const noSpareCalls = { kind: 'rate-limited', until: Number.POSITIVE_INFINITY, code: 'no-spare-calls' } as const;

/** What one write reserves for several requests. */
export interface JointReservation {
  /** The reservation of each request, in their order. */
  readonly reservations: readonly Reservation[];
  readonly next: RateLimitState;
  /** The step of the token time; `by` is 0 if nothing is reserved. */
  readonly step: { readonly from: number; readonly by: number; readonly atMost: number };
}

/**
 * Reserves the calls of several requests one after the other, as of the latest of their times. With any `notBefore` up to
 * the step's `atMost`, the same requests get their calls.
 */
export function reserveJointly(
  state: RateLimitState,
  requests: readonly ReservationRequest[],
  quota: Quota,
): JointReservation {
  const now = roundUp(Math.max(...requests.map(request => request.now)));
  const from = Math.max(now, state.reservedForShopUntil ?? 0);
  const base = Math.max(state.notBefore, from);
  let next = state;
  let atMost = Number.POSITIVE_INFINITY;
  const reservations = requests.map(request => {
    const reservation = reserve(next, { ...request, now }, quota);
    if (reservation.kind === 'rate-limited') return reservation;
    atMost = Math.min(atMost, reservation.atMost - Math.max(0, next.notBefore - base));
    next = reservation.next;
    return reservation;
  });
  return { reservations, next, step: { from, by: Math.max(0, next.notBefore - base), atMost } };
}

/** The most calls that fit, however long the caller waits. */
export interface Capacity {
  /** 0 if the share is less than one call per period. */
  readonly atOnce: number;
  /** Calls that fit into one attempt of the sweep. */
  readonly inAttempt: number;
}

/** Returns the capacity of a project for one attempt of the sweep. */
export function capacityOf(state: RateLimitState, quota: Quota): Capacity {
  const interval = tokenInterval(state, quota);
  const first = mostAtOnce(interval, false);
  const followUps = Math.floor((attemptMs - leastCallMs) / (first * interval.intervalMs));
  return { atOnce: interval.allowed < 1 ? 0 : interval.burst, inAttempt: first * (1 + followUps) };
}

/** Maximum duration of an attempt of the sweep, in milliseconds; a repeated deletion gets more. */
export const attemptMs = 25_000;

/** Minimum time for one call, in milliseconds. */
export const leastCallMs = 200;

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

type Breaker = NonNullable<RateLimitState['breaker']>;

/** Returns how long the breaker stays open until the next probe, in milliseconds. */
function stepMs({ code, trips }: Pick<Breaker, 'code' | 'trips'>): number {
  switch (code) {
    case 'voucherify-429':
      return Math.min(15 * minute, minute * 2 ** trips);
    case 'quota-exhausted':
      return hour;
    case 'key-refused':
      return minute;
    default:
      return Math.min(minute, 10 * second * 2 ** trips);
  }
}

/** The quota from settings, until a response header replaces it. */
export interface Quota {
  readonly share: number;
  readonly limit: number;
  readonly periodMs: number;
}

export interface TokenInterval {
  /** Calls per period; less than one if a call needs several periods. */
  readonly allowed: number;
  /** Milliseconds from one call to the next. */
  readonly intervalMs: number;
  /** Calls that may be sent at once. */
  readonly burst: number;
  /** How late a reserved call may be sent. */
  readonly lateMs: number;
}

/** Minimum allowed delay of a call, in milliseconds: it waits for earlier responses and writes. */
const leastLateMs = 1000;

/**
 * Returns how fast a project may be called: over any period at most `share × limit` calls, a burst of them and those that are
 * late included. The burst is a tenth of the share, at most five, and two if the share allows two: a look-up and
 * the deletion after it are sent together. That leaves one call of each period unused, which is the tolerance for late
 * calls; at high rates one call is too little, so the interval is longer.
 */
export function tokenInterval(observed: Partial<Pick<Quota, 'limit' | 'periodMs'>>, quota: Quota): TokenInterval {
  const { limit = quota.limit, periodMs = quota.periodMs } = observed;
  const share = limit * quota.share;
  // Rounded down, with a tolerance for floating-point errors; less than one call a period is a longer period.
  const allowed = Math.floor(share + 1e-9) || share;
  const burst = Math.max(1, Math.floor(Math.min(2, allowed)), Math.floor(Math.min(5, allowed / 10)));
  const steady = periodMs / (allowed > burst ? allowed - burst : allowed);
  const spare = Math.max(allowed, 1) + 1 - burst;
  const intervalMs = roundUp(Math.max(steady, (periodMs + leastLateMs) / spare));
  return { allowed, intervalMs, burst, lateMs: intervalMs * spare - periodMs };
}

/**
 * Rounds up to a multiple of 1/1024 ms: sums of such times are the same number in JavaScript and in a store that computes
 * with decimals.
 */
function roundUp(ms: number): number {
  return Math.ceil(ms * 1024) / 1024;
}

/** How far a correct process can look ahead: its claim, and a minute of difference between two clocks. */
const lookAheadMs = 2 * minute;

/**
 * Corrects the times that no process with a correct clock can have written, in milliseconds. Without this, one process whose
 * clock is a day fast would stop the project for a day. Returns the same object if all times are possible.
 *
 * Reservations reach at most one burst beyond the longest look-ahead: with a small hourly quota, a burst takes more than an
 * hour. A later `notBefore` is replaced as if one whole burst had just been reserved. An open breaker allows a probe at
 * once, and the next response says again what is left for the shop.
 */
export function correctTimes(state: RateLimitState, now: number, quota: Quota): RateLimitState {
  const { intervalMs, burst } = tokenInterval(state, quota);
  const { reservedForShopUntil = 0, breaker, failures, ...rest } = state;
  const isPossible = (at: number, waitMs: number) => at <= now + waitMs + lookAheadMs;
  const openUntil = breaker?.openUntil ?? 0;
  const openedAt = breaker?.openedAt ?? 0;
  const since = failures?.since ?? 0;
  const isReserved = isPossible(state.notBefore, burst * intervalMs);
  const isForShop = isPossible(reservedForShopUntil, hour);
  const isBreaker = isPossible(openUntil, hour) && isPossible(openedAt, 0);
  if (isReserved && isForShop && isBreaker && isPossible(since, 0)) return state;
  return {
    ...rest,
    notBefore: isReserved ? state.notBefore : now + burst * intervalMs,
    ...(isForShop && reservedForShopUntil > 0 && { reservedForShopUntil }),
    ...(breaker && {
      breaker: isBreaker ? breaker : { ...breaker, openUntil: now, openedAt: Math.min(openedAt, now) },
    }),
    ...(failures && { failures: since === 0 ? failures : { ...failures, since: Math.min(since, now) } }),
  };
}

// What the result of a call changes: the limit in its headers, and the breaker.

/** What a result means for the breaker of a project. The caller of the project's API decides it. */
export type BreakerEffect =
  /** A response that shows that the project can be called. */
  | { readonly kind: 'close' }
  /** A failure that opens the breaker only if it repeats. */
  | { readonly kind: 'count' }
  /** Says nothing about the calls that an erasure makes. */
  | { readonly kind: 'none' }
  | {
      readonly kind: 'open';
      readonly code: 'voucherify-429' | 'quota-exhausted' | 'key-refused';
      /** When Voucherify allows the next call; otherwise the backoff of the code applies. */
      readonly until?: number | undefined;
      /**
       * What is blocked: the whole project, the key, or only the credentials of the call. A key's OAuth tokens are
       * different credentials in each process.
       */
      readonly blocks: 'project' | 'key' | 'credentials';
    };

/** The rate limit in the headers of a response (Voucherify docs, Limits). Times are epoch milliseconds. */
export interface RateHeaders {
  /** Calls allowed in the current period. */
  readonly limit: number | undefined;
  readonly remaining: number | undefined;
  /** When the next call is allowed, or the next period starts. */
  readonly resetAt: number | undefined;
  /** The later of `Retry-After` and `X-Rate-Limit-Retry`, if it is in the future. */
  readonly retryAt: number | undefined;
  /** The quota of the billing cycle is used up: the type header says so, or the wait exceeds 1 h. */
  readonly exhausted: boolean;
  /** Whether the numbers apply to the billing cycle, not to a minute or an hour. */
  readonly ofCycle: boolean;
}

/** A result of a call, as far as it changes the rate-limit state. */
export interface QuotaEffect {
  readonly breaker: BreakerEffect;
  /** Absent without a response. */
  readonly rateHeaders?: RateHeaders;
}

/** The effect of a call, and the call that it belongs to. */
export interface ObservedCall extends QuotaEffect {
  readonly receipt: string;
  readonly keyHash: string;
  /** Whether the call used an OAuth token, which other processes do not share. */
  readonly byToken: boolean;
  readonly sentAt: number;
  readonly now: number;
}

/** Applies the effect of a call. Returns the same object if nothing changed. */
export function applyEffect(state: RateLimitState, observed: ObservedCall, quota: Quota): RateLimitState {
  const { breaker: effect, rateHeaders, now, sentAt, keyHash, byToken } = observed;
  const current = rateHeaders === undefined ? state : applyRateHeaders(state, rateHeaders, now, quota);
  if (effect.kind === 'none') return current;
  if (effect.kind === 'close') return closeBreaker(current, sentAt);
  if (effect.kind === 'count') return countFailure(current, observed);
  const isKeyOnly = effect.blocks === 'credentials' || (effect.blocks === 'key' && !byToken);
  return openBreaker(current, { ...effect, now, sentAt, ...(isKeyOnly ? { keyHash } : {}) });
}

/** A reset later than this belongs to an hourly limit (Voucherify docs, Limits). */
const hourlyFromMs = 90_000;

/**
 * Applies the limit of the headers. A limit that resets later than in an hour belongs to the billing cycle and is ignored.
 * If too little is left for the shop itself, all calls wait for the reset, or for a whole period if the reset is unknown.
 * Without a limit, the remaining calls are those of the known one.
 */
export function applyRateHeaders(
  state: RateLimitState,
  headers: RateHeaders,
  now: number,
  quota: Quota,
): RateLimitState {
  const { resetAt = 0, ofCycle } = headers;
  const known = { limit: state.limit ?? quota.limit, periodMs: state.periodMs ?? quota.periodMs };
  const { limit = known.limit, remaining = limit } = headers;
  if (ofCycle || limit === 0 || resetAt > now + hour) return state;
  const isHourly = headers.limit !== undefined && resetAt > now + hourlyFromMs;
  const periodMs = isHourly ? hour : known.periodMs;
  const isKnown = known.limit === limit && known.periodMs === periodMs;
  const counted = isKnown ? state : { ...state, limit, periodMs };
  const isScarce = remaining < (1 - quota.share) * limit;
  const until = Math.ceil(resetAt > now ? resetAt : now + periodMs);
  return isScarce && until > Math.max(now, counted.reservedForShopUntil ?? 0)
    ? { ...counted, reservedForShopUntil: until }
    : counted;
}

interface BreakerTrip {
  readonly code: string;
  readonly now: number;
  /** When the call was sent. */
  readonly sentAt: number;
  readonly until?: number | undefined;
  /** If set, the breaker opens for this key only. */
  readonly keyHash?: string;
}

/**
 * Opens the breaker for all processes, and for longer if its probe failed for the same reason. A call that was sent
 * before the breaker opened can extend the wait, but does not count as another trip.
 */
function openBreaker(state: RateLimitState, { code, now, sentAt, until, keyHash }: BreakerTrip): RateLimitState {
  const { breaker } = state;
  const older = breaker !== undefined && sentAt < breaker.openedAt;
  const trips = breaker?.code === code ? breaker.trips + (older ? 0 : 1) : 0;
  const openUntil = until ?? now + stepMs({ code, trips });
  if (older && openUntil <= breaker.openUntil) return state;
  const key = keyHash === undefined ? {} : { keyHash };
  return { ...state, breaker: { code, trips, openUntil, openedAt: now, ...key } };
}

/** Closes the breaker on a successful response, unless the call was sent before the breaker opened. */
function closeBreaker(state: RateLimitState, sentAt: number): RateLimitState {
  const { breaker, failures, ...open } = state;
  const stays = breaker !== undefined && sentAt < breaker.openedAt;
  if (failures === undefined && (breaker === undefined || stays)) return state;
  return stays ? { ...open, breaker } : open;
}

/** Consecutive failures that open the breaker, and the number of receipts that they must come from. */
const mostFailures = 5;
const leastReceipts = 2;

function countFailure(state: RateLimitState, { receipt, now, sentAt }: ObservedCall): RateLimitState {
  const before = state.failures ?? { count: 0, receipts: [], since: now };
  const receipts = before.receipts.includes(receipt)
    ? before.receipts
    : [...before.receipts, receipt].slice(-leastReceipts);
  const failures = { count: before.count + 1, receipts, since: before.since ?? now };
  const many = failures.count >= mostFailures && receipts.length >= leastReceipts;
  const isProbe = state.breaker?.code === 'failures';
  const next = { ...state, failures };
  return many || isProbe ? openBreaker(next, { code: 'failures', now, sentAt }) : next;
}
