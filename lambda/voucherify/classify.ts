import * as v from 'valibot';
import type { Alarm } from '../domain/failure.ts';
import type { HttpResult } from '../io/http-client.ts';
import { parseStrictJsonText } from '../io/json.ts';
import type { BreakerEffect, QuotaEffect, RateHeaders } from '../quota/rate-limit.ts';

/** A call that failed. */
export type CallFailure = {
  readonly code: string;
  /** Whether Voucherify may have executed the deletion although the call failed. */
  readonly mayHaveExecuted: boolean;
  /** Whether more calls of this attempt would fail in the same way. */
  readonly stop: boolean;
  readonly alarm?: Alarm;
} & (
  | {
      readonly kind: 'retry';
      readonly notBefore?: number;
      /** When a project that still fails counts as unreachable: an attempt then raises the alarm. */
      readonly notAfter?: number;
      readonly unproven?: boolean;
    }
  /** With the number of customers found so far, if these are too many, or with the ids of legal holds. */
  | { readonly kind: 'review'; readonly matched?: number; readonly holds?: readonly string[] }
);

type Retry = Extract<CallFailure, { kind: 'retry' }>;

/** The meaning of one call for the attempt that made it, and for the rate limit and the breaker of its project. */
export interface CallResult extends QuotaEffect {
  readonly outcome: { readonly kind: 'ok'; readonly json: unknown } | { readonly kind: 'not-found' } | CallFailure;
  /** The status of the response; 0 if there was none. */
  readonly status: number;
}

/** Another operation on the same object is running (Voucherify docs, Errors). */
const concurrentOperation = v.object({ key: v.literal('multiple_requests') });
const notFound = v.object({ key: v.literal('not_found'), resource_type: v.literal('customer') });

/**
 * Classifies the result of a call: a 200 with JSON, Voucherify's own 404 for a customer, or a failure. Only this function
 * decides whether and when to retry, and what opens the breaker (Voucherify docs, Errors and Limits). A project that has
 * not answered any call for {@link unreachableMs} raises an alarm.
 */
export function classify(result: HttpResult, now: number, failingSince: number = now): CallResult {
  const classified = classifyResult(result, now);
  const { outcome, breaker } = classified;
  if (breaker.kind !== 'count' || outcome.kind !== 'retry') return classified;
  const notAfter = failingSince + unreachableMs;
  const more = now < notAfter ? { notAfter } : { alarm: 'voucherify-unreachable' as const };
  return { ...classified, outcome: { ...outcome, ...more } };
}

/**
 * How long all calls must fail before a project counts as unreachable, in milliseconds: with one sweep a minute, the alarm
 * is raised within 15 minutes.
 */
const unreachableMs = 840_000;

function classifyResult(result: HttpResult, now: number): CallResult {
  if (result.kind === 'no-answer') {
    const { code, mayHaveExecuted } = result;
    if (code === tooLarge) return { outcome: undocumented(code), breaker: close, status: 0 };
    return { outcome: retryLater(code, { mayHaveExecuted, stop: !mayHaveExecuted }), breaker: count, status: 0 };
  }
  const { status } = result;
  const rateHeaders = parseRateHeaders(result.headers, now);
  const json = parseStrictJsonText(result.body);
  if (status === 200) {
    const outcome = json === undefined ? unprovenFailure('not-json') : ({ kind: 'ok', json } as const);
    return { outcome, breaker: close, rateHeaders, status };
  }
  if (status === 404 && v.is(notFound, json)) {
    return { outcome: { kind: 'not-found' }, breaker: close, rateHeaders, status };
  }
  if (status === 400 && v.is(concurrentOperation, json)) {
    return { outcome: retryLater('voucherify-400', { mayHaveExecuted: true }), breaker: close, rateHeaders, status };
  }
  return { ...classifyStatus(status, rateHeaders, now), rateHeaders, status };
}

/** Returns the failure for a 200 that is no proof. Its effect is unknown, so it raises an alarm at once. */
export function unprovenFailure(code: string): CallFailure {
  return { ...undocumented(code), alarm: 'unproven-response' };
}

/** Returns the failure for an undocumented response. It needs review if it repeats. */
function undocumented(code: string): Retry {
  return retryLater(code, { mayHaveExecuted: true, unproven: true });
}

/** The code of a response that is larger than the limit of its call. */
export const tooLarge = 'too-large';

const close: BreakerEffect = { kind: 'close' };
const count: BreakerEffect = { kind: 'count' };

const minute = 60_000;
const hour = 3_600_000;

function classifyStatus(
  status: number,
  { retryAt, exhausted }: RateHeaders,
  now: number,
): Pick<CallResult, 'outcome' | 'breaker'> {
  const code = `voucherify-${status}`;
  switch (status) {
    case 400:
    case 405:
    case 406:
    case 415:
    case 422:
      return { outcome: needsReview(code), breaker: close };
    case 408:
    case 409:
    case 423:
    case 425:
      return { outcome: retryLater(code, { mayHaveExecuted: true }), breaker: close };
    case 401:
    case 403:
      return {
        outcome: retryLater(code, { stop: true, notBefore: now + minute, alarm: 'voucherify-key-refused' }),
        breaker: { kind: 'open', code: 'key-refused', blocks: status === 401 ? 'credentials' : 'key' },
      };
    case 402:
      return quotaExhausted(code, now);
    case 429:
      if (exhausted) return quotaExhausted(code, now);
      return {
        outcome: retryLater(code, { stop: true, notBefore: retryAt ?? now + minute }),
        breaker: { kind: 'open', code: 'voucherify-429', blocks: 'project', until: retryAt },
      };
    default:
      return status >= 500
        ? { outcome: retryLater(code, { mayHaveExecuted: true }), breaker: count }
        : { outcome: undocumented(code), breaker: close };
  }
}

function quotaExhausted(code: string, now: number): Pick<CallResult, 'outcome' | 'breaker'> {
  return {
    outcome: retryLater(code, { stop: true, notBefore: now + hour, alarm: 'voucherify-quota-exhausted' }),
    breaker: { kind: 'open', code: 'quota-exhausted', blocks: 'project' },
  };
}

/** Returns a failure that is retried. */
export function retryLater(code: string, more: Partial<Omit<Retry, 'kind' | 'code'>> = {}): Retry {
  return { kind: 'retry', code, mayHaveExecuted: false, stop: false, ...more };
}

/** Returns a failure that stops the attempt and leaves the decision to an operator. */
export function needsReview(
  code: string,
  found: { readonly matched?: number; readonly holds?: readonly string[] } = {},
): CallFailure {
  return { kind: 'review', code, mayHaveExecuted: false, stop: true, ...found };
}

/**
 * Parses the headers of a response. A value that is missing or not a whole number is `undefined`; less than no remaining
 * calls are none.
 */
export function parseRateHeaders(headers: Readonly<Record<string, string | undefined>>, now: number): RateHeaders {
  const wholeNumber = (name: string) => {
    const text = headers[name];
    return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
  };
  const seconds = wholeNumber('x-rate-limit-retry');
  const after = wholeNumber('retry-after');
  const resetAt = seconds === undefined ? undefined : seconds * 1000;
  const retryAt = Math.max(resetAt ?? 0, after === undefined ? 0 : now + after * 1000);
  const ofCycle = headers['x-rate-limit-type'] === 'api_calls_cycle';
  return {
    limit: wholeNumber('x-rate-limit-limit'),
    remaining: /^-\d{1,12}$/.test(headers['x-rate-limit-remaining'] ?? '') ? 0 : wholeNumber('x-rate-limit-remaining'),
    resetAt,
    retryAt: retryAt > now ? retryAt : undefined,
    exhausted: ofCycle || retryAt - now > hour,
    ofCycle,
  };
}
