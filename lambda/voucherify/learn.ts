import type { HttpResult } from '../io/outbound.ts';
import { type BreakerTrip, openBreaker, type RateLimitState } from './pace.ts';
import { parseRateHeaders, type RateHeaders } from './rate-headers.ts';
import type { Quota } from './rhythm.ts';

/** One answer, and what it was an answer to. */
export interface ObservedResponse {
  readonly result: HttpResult;
  readonly receipt: string;
  readonly keyHash: string;
  /** Proved by a token, which other processes do not share. */
  readonly byToken: boolean;
  readonly sentAt: number;
  readonly now: number;
}

/** Failures in a row after which a project is closed for everybody, over at least this many receipts. */
const mostFailures = 5;
const leastReceipts = 2;

const hour = 3_600_000;

/** A reset further ahead than this can only be that of an hourly limit (Voucherify docs, Limits). */
const hourlyFromMs = 90_000;

/**
 * What an answer says of the pace: limits from its headers, and what closes or opens the project. Gives the same object
 * when there is nothing to write down.
 */
export function applyResponse(pace: RateLimitState, heard: ObservedResponse, quota: Quota): RateLimitState {
  const { result, now, sentAt, keyHash, byToken } = heard;
  if (result.kind === 'no-answer') return countFailure(pace, heard);
  const headers = parseRateHeaders(result.headers, now);
  const counted = applyRateHeaders(pace, headers, now, quota);
  switch (result.status) {
    case 429:
      return openBreaker(counted, { ...throttled(headers), now, sentAt });
    case 402:
      return openBreaker(counted, { code: 'quota-exhausted', now, sentAt });
    case 401:
      return openBreaker(counted, { code: 'key-refused', now, sentAt, keyHash });
    case 403:
      // Every process has a token of its own, and what is forbidden to one is forbidden to all.
      return openBreaker(counted, { code: 'key-refused', now, sentAt, ...(byToken ? {} : { keyHash }) });
    default:
      return result.status >= 500 ? countFailure(counted, heard) : closeBreaker(counted, sentAt);
  }
}

/** A good answer clears what closed the project, unless it is to a call from before that. */
function closeBreaker(pace: RateLimitState, sentAt: number): RateLimitState {
  const { breaker, failures, ...open } = pace;
  const stays = breaker !== undefined && sentAt < breaker.openedAt;
  if (failures === undefined && (breaker === undefined || stays)) return pace;
  return stays ? { ...open, breaker } : open;
}

function countFailure(pace: RateLimitState, { receipt, now, sentAt }: ObservedResponse): RateLimitState {
  const before = pace.failures ?? { count: 0, receipts: [] };
  const receipts = before.receipts.includes(receipt)
    ? before.receipts
    : [...before.receipts, receipt].slice(-leastReceipts);
  const failures = { count: before.count + 1, receipts };
  const many = failures.count >= mostFailures && receipts.length >= leastReceipts;
  const probed = pace.breaker?.code === 'failures';
  const next = { ...pace, failures };
  return many || probed ? openBreaker(next, { code: 'failures', now, sentAt }) : next;
}

/** What the headers say of the limit. Where too little is left for the shop itself, everybody waits for the reset. */
function applyRateHeaders(pace: RateLimitState, headers: RateHeaders, now: number, quota: Quota): RateLimitState {
  const { limit = 0, remaining, resetAt = 0, ofCycle } = headers;
  if (ofCycle || limit === 0) return pace;
  const periodMs = resetAt > now + hourlyFromMs && resetAt <= now + hour ? hour : (pace.periodMs ?? quota.periodMs);
  const known = (pace.limit ?? quota.limit) === limit && (pace.periodMs ?? quota.periodMs) === periodMs;
  const counted = known ? pace : { ...pace, limit, periodMs };
  const scarce = remaining !== undefined && remaining < (1 - quota.share) * limit && resetAt <= now + periodMs;
  return scarce && resetAt > Math.max(now, counted.reservedForShopUntil ?? 0)
    ? { ...counted, reservedForShopUntil: resetAt }
    : counted;
}

function throttled({ exhausted, retryAt }: RateHeaders): Pick<BreakerTrip, 'code' | 'until'> {
  return exhausted ? { code: 'quota-exhausted' } : { code: 'voucherify-429', until: retryAt };
}
