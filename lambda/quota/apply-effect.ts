import { type Quota, type RateLimitState, stepMs } from './rate-limit.ts';

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
const hour = 3_600_000;

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
