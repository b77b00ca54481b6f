import * as v from 'valibot';
import type { Alarm } from '../domain/failure.ts';
import { parseJson } from '../io/json.ts';
import { parseRateHeaders } from '../quota/rate-headers.ts';
import type { VoucherifyReply } from './client.ts';

/** An answer that proved nothing. */
export type CallFailure = {
  readonly code: string;
  /** Whether Voucherify may have executed the deletion although the call failed. */
  readonly mayHaveExecuted: boolean;
  /** Whether more calls of this attempt would only meet the same. */
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
 * Reads what every answer has in common: a 200 with JSON, Voucherify's own 404 for a customer, or trouble. Whether and
 * when to ask again is decided here and nowhere else (Voucherify docs, Errors and Limits).
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

/** A 200 that proves nothing: nobody can tell what it did or left undone, so a person is told at once. */
export function unprovenFailure(code: string): CallFailure {
  return { ...unclear(code), alarm: 'unproven-response' };
}

/** An answer that is not Voucherify's as documented; a person looks when it keeps coming. */
function unclear(code: string): Later {
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
      return answer.status >= 500 ? retryLater(code, true) : unclear(code);
  }
}

function throttled({ headers }: Answer, now: number): CallFailure {
  const { retryAt, exhausted } = parseRateHeaders(headers, now);
  if (!exhausted) return { ...retryLater('voucherify-429', false, retryAt ?? now + minute), stop: true };
  return { ...retryLater('voucherify-429', false, now + hour), stop: true, alarm: 'voucherify-quota-exhausted' };
}

function retryLater(code: string, mayHaveExecuted: boolean, notBefore?: number): Later {
  const trouble: Later = { kind: 'retry', code, mayHaveExecuted, stop: false };
  return notBefore === undefined ? trouble : { ...trouble, notBefore };
}
