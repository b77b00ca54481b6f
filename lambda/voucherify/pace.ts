import * as v from 'valibot';
import { type Quota, type TokenInterval, tokenInterval } from './rhythm.ts';

/**
 * The pace of one project, pure. The quota is the shop's checkout's: at most a share of it is ever used. One row holds
 * the limiter (`notBefore`), and what closes the project for everybody (`closed`). Times are epoch milliseconds.
 */
const rateLimitSchema = v.looseObject({
  /** When the last reserved call is paid for: calls reserved ahead move it into the future. */
  notBefore: v.number(),
  /** Too little is left of the limit for the shop itself: no call before this. */
  reservedForShopUntil: v.exactOptional(v.number()),
  breaker: v.exactOptional(
    v.looseObject({
      openUntil: v.number(),
      /** When it was last closed: an answer to a call that is older says nothing new. */
      openedAt: v.optional(v.number(), 0),
      code: v.string(),
      /** How often it was closed in a row: the step of the backoff. */
      trips: v.number(),
      /** Hash of the refused key: another key opens the project at once. */
      keyHash: v.exactOptional(v.string()),
    }),
  ),
  /** What Voucherify's headers say of the limit; settings are only believed until then. */
  limit: v.exactOptional(v.number()),
  periodMs: v.exactOptional(v.number()),
  /** Failures in a row, and the receipts that met the first and the last of them. */
  failures: v.exactOptional(v.looseObject({ count: v.number(), receipts: v.array(v.string()) })),
});

export type RateLimitState = v.InferOutput<typeof rateLimitSchema>;

/** A project that was never called. */
export const initialRateLimit: RateLimitState = { notBefore: 0 };

/** A row as it was stored; `undefined` when it cannot be read, and then no call may go out. */
export function parseRateLimit(value: unknown): RateLimitState | undefined {
  const parsed = v.safeParse(rateLimitSchema, value);
  return parsed.success ? parsed.output : undefined;
}

export interface ReservationRequest {
  /** At most the rhythm's burst. */
  readonly calls: number;
  /** A fresh request may use the burst; the sweep waits until everything before it is paid for. */
  readonly fresh: boolean;
  readonly keyHash: string;
  readonly now: number;
  /** Latest time at which the first of the calls is still of use. */
  readonly latest: number;
}

export type Reservation =
  | {
      readonly kind: 'reserved';
      readonly at: number;
      readonly calls: number;
      /** The one call that finds out whether a closed project is well again. */
      readonly probe: boolean;
      readonly rhythm: TokenInterval;
      readonly next: RateLimitState;
    }
  | { readonly kind: 'held'; readonly until: number; readonly code: string };

/** A place for some calls, or how long nobody may call. A closed project lets one probe through each time. */
export function reserve(pace: RateLimitState, wish: ReservationRequest, quota: Quota): Reservation {
  const closed = breakerFor(pace, wish.keyHash);
  if (closed === undefined) {
    const { breaker: _, ...open } = pace;
    return reservePlace(open, wish, quota);
  }
  if (closed.openUntil > wish.now) return { kind: 'held', until: closed.openUntil, code: closed.code };
  const probe = reservePlace(pace, { ...wish, calls: 1 }, quota);
  if (probe.kind === 'held') return probe;
  return {
    ...probe,
    probe: true,
    next: { ...probe.next, breaker: { ...closed, openUntil: probe.at + stepMs(closed) } },
  };
}

/** What closes the project to this key: a refused key closes it to nobody but itself. */
export function breakerFor({ breaker }: RateLimitState, keyHash: string): RateLimitState['breaker'] {
  return breaker?.keyHash !== undefined && breaker.keyHash !== keyHash ? undefined : breaker;
}

function reservePlace(
  pace: RateLimitState,
  { calls, fresh, now, latest }: ReservationRequest,
  quota: Quota,
): Reservation {
  const rhythm = tokenInterval(pace, quota);
  const { intervalMs, burst } = rhythm;
  const credit = fresh ? Math.max(0, burst - calls) * intervalMs : 0;
  const at = Math.max(now, pace.notBefore - credit, pace.reservedForShopUntil ?? 0);
  if (at > latest) return { kind: 'held', until: at, code: 'rate-limited' };
  const next = { ...pace, notBefore: Math.max(pace.notBefore, at) + calls * intervalMs };
  return { kind: 'reserved', at, calls, probe: false, rhythm, next };
}

/** Until when the next of the calls that are left of a reservation may go out; later it is one too many. */
export function validUntil({ rhythm, next }: Extract<Reservation, { kind: 'reserved' }>, left: number): number {
  return next.notBefore - left * rhythm.intervalMs + rhythm.lateMs;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

type Closed = NonNullable<RateLimitState['breaker']>;

/** How long a closed project stays closed after the next probe. */
function stepMs({ code, trips }: Pick<Closed, 'code' | 'trips'>): number {
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

export interface BreakerTrip {
  readonly code: string;
  readonly now: number;
  /** When the call went out that was answered so. */
  readonly sentAt: number;
  readonly until?: number | undefined;
  /** Closes it to this key only. */
  readonly keyHash?: string | undefined;
}

/**
 * Closes the project for everybody; when its probe is refused for the same reason, for longer. A call that was under way
 * when it was closed can only keep it closed, not make the next step longer.
 */
export function openBreaker(pace: RateLimitState, { code, now, sentAt, until, keyHash }: BreakerTrip): RateLimitState {
  const { breaker } = pace;
  const older = breaker !== undefined && sentAt < breaker.openedAt;
  const times = breaker?.code === code ? breaker.trips + (older ? 0 : 1) : 0;
  const end = until ?? now + stepMs({ code, trips: times });
  if (older && end <= breaker.openUntil) return pace;
  const key = keyHash === undefined ? {} : { keyHash };
  return { ...pace, breaker: { code, trips: times, openUntil: end, openedAt: now, ...key } };
}
