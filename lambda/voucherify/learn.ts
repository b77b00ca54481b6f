import type { OutboundResult } from '../io/outbound.ts';
import { type Closing, closedFor, type Pace } from './pace.ts';
import { type RateHeaders, rateHeaders } from './rate-headers.ts';
import type { Quota } from './rhythm.ts';

/** One answer, and what it was an answer to. */
export interface Heard {
  readonly result: OutboundResult;
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
export function learned(pace: Pace, heard: Heard, quota: Quota): Pace {
  const { result, now, sentAt, keyHash, byToken } = heard;
  if (result.kind === 'no-answer') return failed(pace, heard);
  const headers = rateHeaders(result.headers, now);
  const counted = limited(pace, headers, now, quota);
  switch (result.status) {
    case 429:
      return closedFor(counted, { ...throttled(headers), now, sentAt });
    case 402:
      return closedFor(counted, { code: 'quota-exhausted', now, sentAt });
    case 401:
      return closedFor(counted, { code: 'key-refused', now, sentAt, keyHash });
    case 403:
      // Every process has a token of its own, and what is forbidden to one is forbidden to all.
      return closedFor(counted, { code: 'key-refused', now, sentAt, ...(byToken ? {} : { keyHash }) });
    default:
      return result.status >= 500 ? failed(counted, heard) : opened(counted, sentAt);
  }
}

/** A good answer clears what closed the project, unless it is to a call from before that. */
function opened(pace: Pace, sentAt: number): Pace {
  const { closed, failures, ...open } = pace;
  const stays = closed !== undefined && sentAt < closed.since;
  if (failures === undefined && (closed === undefined || stays)) return pace;
  return stays ? { ...open, closed } : open;
}

function failed(pace: Pace, { receipt, now, sentAt }: Heard): Pace {
  const before = pace.failures ?? { count: 0, receipts: [] };
  const receipts = before.receipts.includes(receipt)
    ? before.receipts
    : [...before.receipts, receipt].slice(-leastReceipts);
  const failures = { count: before.count + 1, receipts };
  const many = failures.count >= mostFailures && receipts.length >= leastReceipts;
  const probed = pace.closed?.code === 'failures';
  const next = { ...pace, failures };
  return many || probed ? closedFor(next, { code: 'failures', now, sentAt }) : next;
}

/** What the headers say of the limit. Where too little is left for the shop itself, everybody waits for the reset. */
function limited(pace: Pace, headers: RateHeaders, now: number, quota: Quota): Pace {
  const { limit = 0, remaining, resetAt = 0, ofCycle } = headers;
  if (ofCycle || limit === 0) return pace;
  const periodMs = resetAt > now + hourlyFromMs && resetAt <= now + hour ? hour : (pace.periodMs ?? quota.periodMs);
  const known = (pace.limit ?? quota.limit) === limit && (pace.periodMs ?? quota.periodMs) === periodMs;
  const counted = known ? pace : { ...pace, limit, periodMs };
  const scarce = remaining !== undefined && remaining < (1 - quota.share) * limit && resetAt <= now + periodMs;
  return scarce && resetAt > Math.max(now, counted.restUntil ?? 0) ? { ...counted, restUntil: resetAt } : counted;
}

function throttled({ exhausted, retryAt }: RateHeaders): Pick<Closing, 'code' | 'until'> {
  return exhausted ? { code: 'quota-exhausted' } : { code: 'voucherify-429', until: retryAt };
}
