import * as v from 'valibot';
import type { Alarm } from '../domain/failure.ts';
import { parseJson } from '../io/json.ts';
import { parseRateHeaders } from '../quota/rate-headers.ts';
import type { VoucherifyReply } from './client.ts';

/** A call that failed. */
export type CallFailure = {
  readonly code: string;
  /** Whether Voucherify may have executed the deletion although the call failed. */
  readonly mayHaveExecuted: boolean;
  /** Whether more calls of this attempt would fail in the same way. */
  readonly stop: boolean;
  readonly alarm?: Alarm;
} & (
  | { readonly kind: 'retry'; readonly notBefore?: number; readonly unproven?: boolean }
  | { readonly kind: 'review' }
);

type Later = Extract<CallFailure, { kind: 'retry' }>;
type Answer = Extract<VoucherifyReply['result'], { kind: 'answer' }>;

const notFound = v.object({ key: v.literal('not_found'), resource_type: v.literal('customer') });

/**
 * Classifies a response: a 200 with JSON, Voucherify's own 404 for a customer, or a failure. Only this function decides
 * whether and when to retry (Voucherify docs, Errors and Limits).
 */
export function classify(
  reply: VoucherifyReply,
  now: number,
): { kind: 'ok'; json: unknown } | { kind: 'not-found' } | CallFailure {
  const { result } = reply;
  if (result.kind === 'held') return { ...retryLater(result.code, false, result.until), stop: true };
  if (result.kind === 'no-credentials')
    return { ...retryLater('no-credentials', false), stop: true, alarm: 'secret-unusable' };
  if (result.kind === 'no-answer')
    return { ...retryLater(result.code, result.mayHaveExecuted), stop: !result.mayHaveExecuted };
  const json = parseJson(result.body)?.value;
  if (result.status === 200) return json === undefined ? unprovenFailure('not-json') : { kind: 'ok', json };
  if (result.status === 404 && v.is(notFound, json)) return { kind: 'not-found' };
  return classifyStatus(result, now);
}

/** Returns the failure for a 200 that is no proof. Its effect is unknown, so it raises an alarm at once. */
export function unprovenFailure(code: string): CallFailure {
  return { ...undocumented(code), alarm: 'unproven-response' };
}

/** Returns the failure for an undocumented response. It needs review if it repeats. */
function undocumented(code: string): Later {
  return { ...retryLater(code, true), unproven: true };
}

const minute = 60_000;
const hour = 3_600_000;

function classifyStatus(answer: Answer, now: number): CallFailure {
  const code = `voucherify-${answer.status}`;
  switch (answer.status) {
    case 400:
    case 405:
    case 406:
    case 415:
    case 422:
      return { kind: 'review', code, mayHaveExecuted: false, stop: true };
    case 401:
    case 403:
      return { ...retryLater(code, false, now + minute), stop: true, alarm: 'voucherify-key-refused' };
    case 402:
      return { ...retryLater(code, false, now + hour), stop: true, alarm: 'voucherify-quota-exhausted' };
    case 429:
      return throttled(answer, now);
    default:
      return answer.status >= 500 ? retryLater(code, true) : undocumented(code);
  }
}

function throttled({ headers }: Answer, now: number): CallFailure {
  const { retryAt, exhausted } = parseRateHeaders(headers, now);
  if (!exhausted) return { ...retryLater('voucherify-429', false, retryAt ?? now + minute), stop: true };
  return { ...retryLater('voucherify-429', false, now + hour), stop: true, alarm: 'voucherify-quota-exhausted' };
}

function retryLater(code: string, mayHaveExecuted: boolean, notBefore?: number): Later {
  const failure: Later = { kind: 'retry', code, mayHaveExecuted, stop: false };
  return notBefore === undefined ? failure : { ...failure, notBefore };
}
