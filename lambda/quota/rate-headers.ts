import type { HttpResult } from '../io/http-client.ts';
import { type BreakerTrip, openBreaker, type Quota, type RateLimitState } from './rate-limit.ts';

/** A response, and the call that it belongs to. */
export interface ObservedResponse {
  readonly result: HttpResult;
  readonly receipt: string;
  readonly keyHash: string;
  /** Whether the call used an OAuth token, which other processes do not share. */
  readonly byToken: boolean;
  readonly sentAt: number;
  readonly now: number;
}

/** Consecutive failures that open the breaker, and the number of receipts that they must come from. */
const mostFailures = 5;
const leastReceipts = 2;

const hourMs = 3_600_000;

/** A reset later than this belongs to an hourly limit (Voucherify docs, Limits). */
const hourlyFromMs = 90_000;

/**
 * Applies a response to the rate-limit state: the limits in its headers, and whether it opens or closes the breaker.
 * Returns the same object if nothing changed.
 */
export function applyResponse(state: RateLimitState, observed: ObservedResponse, quota: Quota): RateLimitState {
  const { result, now, sentAt, keyHash, byToken } = observed;
  if (result.kind === 'no-answer') return countFailure(state, observed);
  const headers = parseRateHeaders(result.headers, now);
  const counted = applyRateHeaders(state, headers, now, quota);
  switch (result.status) {
    case 429:
      return openBreaker(counted, { ...throttled(headers), now, sentAt });
    case 402:
      return openBreaker(counted, { code: 'quota-exhausted', now, sentAt });
    case 401:
      return openBreaker(counted, { code: 'key-refused', now, sentAt, keyHash });
    case 403:
      // Each process has its own token, and a 403 for one applies to all.
      return openBreaker(counted, { code: 'key-refused', now, sentAt, ...(byToken ? {} : { keyHash }) });
    default:
      return result.status >= 500 ? countFailure(counted, observed) : closeBreaker(counted, sentAt);
  }
}

/** Closes the breaker on a successful response, unless the call was sent before the breaker opened. */
function closeBreaker(state: RateLimitState, sentAt: number): RateLimitState {
  const { breaker, failures, ...open } = state;
  const stays = breaker !== undefined && sentAt < breaker.openedAt;
  if (failures === undefined && (breaker === undefined || stays)) return state;
  return stays ? { ...open, breaker } : open;
}

function countFailure(state: RateLimitState, { receipt, now, sentAt }: ObservedResponse): RateLimitState {
  const before = state.failures ?? { count: 0, receipts: [] };
  const receipts = before.receipts.includes(receipt)
    ? before.receipts
    : [...before.receipts, receipt].slice(-leastReceipts);
  const failures = { count: before.count + 1, receipts };
  const many = failures.count >= mostFailures && receipts.length >= leastReceipts;
  const probed = state.breaker?.code === 'failures';
  const next = { ...state, failures };
  return many || probed ? openBreaker(next, { code: 'failures', now, sentAt }) : next;
}

/** Applies the limit of the headers. If too little is left for the shop itself, all calls wait for the reset. */
function applyRateHeaders(state: RateLimitState, headers: RateHeaders, now: number, quota: Quota): RateLimitState {
  const { limit = 0, remaining, resetAt = 0, ofCycle } = headers;
  if (ofCycle || limit === 0) return state;
  const periodMs =
    resetAt > now + hourlyFromMs && resetAt <= now + hourMs ? hourMs : (state.periodMs ?? quota.periodMs);
  const known = (state.limit ?? quota.limit) === limit && (state.periodMs ?? quota.periodMs) === periodMs;
  const counted = known ? state : { ...state, limit, periodMs };
  const scarce = remaining !== undefined && remaining < (1 - quota.share) * limit && resetAt <= now + periodMs;
  return scarce && resetAt > Math.max(now, counted.reservedForShopUntil ?? 0)
    ? { ...counted, reservedForShopUntil: resetAt }
    : counted;
}

function throttled({ exhausted, retryAt }: RateHeaders): Pick<BreakerTrip, 'code' | 'until'> {
  return exhausted ? { code: 'quota-exhausted' } : { code: 'voucherify-429', until: retryAt };
}

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

const hour = 3_600_000;

/** Parses the headers of a response. A value that is missing or not a whole number is `undefined`. */
export function parseRateHeaders(headers: Readonly<Record<string, string | undefined>>, now: number): RateHeaders {
  const seconds = wholeNumber(headers['x-rate-limit-retry']);
  const after = wholeNumber(headers['retry-after']);
  const resetAt = seconds === undefined ? undefined : seconds * 1000;
  const retryAt = Math.max(resetAt ?? 0, after === undefined ? 0 : now + after * 1000);
  const ofCycle = headers['x-rate-limit-type'] === 'api_calls_cycle';
  return {
    limit: wholeNumber(headers['x-rate-limit-limit']),
    remaining: wholeNumber(headers['x-rate-limit-remaining']),
    resetAt,
    retryAt: retryAt > now ? retryAt : undefined,
    exhausted: ofCycle || retryAt - now > hour,
    ofCycle,
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
