import * as v from 'valibot';
import type { ReceivedDeletion } from '../domain/erasure.ts';
import type { Alarm } from '../domain/failure.ts';
import { isCustomerId } from '../domain/identifiers.ts';
import type { HttpResult } from '../io/http-client.ts';
import { parseStrictJsonText } from '../io/json.ts';
import type { BreakerEffect, QuotaEffect, RateHeaders } from '../quota/rate-limit.ts';

// What any response means: for the call, and for the rate limit and the breaker of its project.

/** A call that failed. */
export type CallFailure = {
  readonly code: string;
  /** Whether Voucherify may have executed the deletion although the call failed. */
  readonly mayHaveExecuted: boolean;
  /** Whether this attempt makes no more calls. */
  readonly stop: boolean;
  readonly alarm?: Alarm;
} & (
  | {
      readonly kind: 'retry';
      readonly notBefore?: number;
      /** When a project that still fails counts as unreachable: an attempt then raises the alarm. */
      readonly retryBy?: number;
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
 * Classifies the result of a call: a 200 with JSON, Voucherify's own 404 for a customer, or a failure. It decides
 * what opens the breaker, and what a status means for a retry (Voucherify docs, Errors and Limits). A project whose
 * calls have all failed for {@link unreachableMs} raises an alarm.
 */
export function classify(result: HttpResult, now: number, failingSince: number = now): CallResult {
  const classified = classifyResult(result, now);
  const { outcome, breaker } = classified;
  if (breaker.kind !== 'count' || outcome.kind !== 'retry') return classified;
  const retryBy = failingSince + unreachableMs;
  const more = now < retryBy ? { retryBy } : { alarm: 'voucherify-unreachable' as const };
  return { ...classified, outcome: { ...outcome, ...more } };
}

/**
 * How long all calls must fail before a project counts as unreachable, in milliseconds: with one sweep a minute, the alarm
 * is raised within 15 minutes.
 */
const unreachableMs = 840_000;

function classifyResult(result: HttpResult, now: number): CallResult {
  if (result.kind === 'no-response') {
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

/** Returns the failure for a 200, or a 404 on a deletion, that proves nothing. Its effect is unknown, so it raises an alarm. */
export function unprovenFailure(code: string): CallFailure {
  return { ...undocumented(code), alarm: 'unproven-response' };
}

/** Returns the failure for an undocumented response. It needs review if it repeats. */
function undocumented(code: string): Retry {
  return retryLater(code, { mayHaveExecuted: true, unproven: true });
}

/** The code of a response that is larger than the limit of its call. */
const tooLarge = 'too-large';

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
 * Parses the headers of a response. A value that is missing or not a whole number is `undefined`; a negative
 * `remaining` is 0.
 */
export function parseRateHeaders(headers: Readonly<Record<string, string | undefined>>, now: number): RateHeaders {
  const wholeNumber = (name: string) => {
    const text = headers[name];
    return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
  };
  const resetSeconds = wholeNumber('x-rate-limit-retry');
  const after = wholeNumber('retry-after');
  const resetAt = resetSeconds === undefined ? undefined : resetSeconds * 1000;
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

// What the response to each call proves.

export interface Customer {
  readonly id: string;
  readonly source_id?: unknown;
  readonly email?: unknown;
  readonly created_at?: unknown;
}

export type LookUpResponse =
  | { readonly kind: 'customer'; readonly customer: Customer }
  | { readonly kind: 'no-match' }
  | CallFailure;
export type CustomerPage =
  | {
      readonly kind: 'page';
      readonly customers: readonly Customer[];
      readonly total: number;
      /** Not in every response (Voucherify OpenAPI, List customers). */
      readonly has_more?: unknown;
    }
  | CallFailure;
export type DeletionResult =
  | { readonly kind: 'deleted'; readonly received: ReceivedDeletion }
  | { readonly kind: 'not-found' }
  | CallFailure;

const customer = v.object({
  id: v.pipe(v.string(), v.check(isCustomerId)),
  source_id: v.optional(v.unknown()),
  email: v.optional(v.unknown()),
  created_at: v.optional(v.unknown()),
});

/** Parses `GET /v1/customers/{id or source_id}`. */
export function parseLookUp(outcome: CallResult['outcome']): LookUpResponse {
  if (outcome.kind === 'not-found') return { kind: 'no-match' };
  if (outcome.kind !== 'ok') return lookUpFailure(outcome);
  const parsed = v.safeParse(customer, outcome.json);
  return parsed.success ? { kind: 'customer', customer: parsed.output } : unprovenFailure('unreadable-customer');
}

const list = v.object({
  customers: v.array(v.unknown()),
  total: v.pipe(v.number(), v.integer(), v.minValue(0)),
  has_more: v.optional(v.unknown()),
});

const rows = v.array(customer);

/** Parses one page of `GET /v1/customers?email=`; one unreadable row makes the whole page a failure. */
export function parsePage(outcome: CallResult['outcome']): CustomerPage {
  if (outcome.kind === 'not-found') return unprovenFailure('unexpected-404');
  if (outcome.kind !== 'ok') return lookUpFailure(outcome);
  const parsed = v.safeParse(list, outcome.json);
  if (!parsed.success) return unprovenFailure('unreadable-list');
  const customers = v.safeParse(rows, parsed.output.customers);
  if (!customers.success) return unprovenFailure('unreadable-customer');
  return { kind: 'page', ...parsed.output, customers: customers.output };
}

/** A record that is too large stays so: a retry cannot succeed. */
function lookUpFailure(failure: CallFailure): CallFailure {
  return failure.code === tooLarge ? needsReview('response-too-large') : failure;
}

const deletion = v.object({
  status: v.literal('DONE'),
  related_object_id: v.string(),
  data_json: v.looseObject({ customer: v.literal(1) }),
});

/**
 * Parses `POST …/permanent-deletion`. Deleted is only: 200, JSON, status DONE, the pin as `related_object_id`, and one
 * customer counted (Voucherify docs, Delete Customer Permanently). Another id means that another customer was deleted.
 */
export function parseDeletion(outcome: CallResult['outcome'], customerId: string): DeletionResult {
  if (outcome.kind !== 'ok') return outcome;
  const named = v.safeParse(v.object({ related_object_id: v.string() }), outcome.json);
  if (named.success && named.output.related_object_id !== customerId) return wrongCustomer;
  const parsed = v.safeParse(deletion, outcome.json);
  if (!parsed.success) return unprovenFailure('unproven-deletion');
  return { kind: 'deleted', received: received(outcome.json, parsed.output) };
}

const wrongCustomer: CallFailure = {
  kind: 'review',
  code: 'wrong-customer-deleted',
  mayHaveExecuted: true,
  stop: true,
  alarm: 'wrong-customer-deleted',
};

const word = v.pipe(v.string(), v.regex(/^[a-z_]{1,40}$/));
const namedId = v.object({ id: v.pipe(v.string(), v.regex(/^del_[A-Za-z0-9]{1,80}$/)) });
const namedTime = v.object({ created_at: v.pipe(v.string(), v.isoTimestamp()) });
const namedRelation = v.object({ related_object: word });
const namedObject = v.object({ object: word });

/** Only fields that the documentation names, each in its documented shape: nothing else of a response is stored. */
function received(
  json: unknown,
  { related_object_id, status, data_json }: v.InferOutput<typeof deletion>,
): ReceivedDeletion {
  const counts = Object.entries(data_json).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1]));
  return {
    ...parseOrEmpty(namedId, json),
    ...parseOrEmpty(namedTime, json),
    related_object_id,
    ...parseOrEmpty(namedRelation, json),
    status,
    data_json: Object.fromEntries(counts.filter(([name]) => /^[a-z_]{1,40}$/.test(name))),
    ...parseOrEmpty(namedObject, json),
  };
}

function parseOrEmpty<S extends v.GenericSchema>(schema: S, json: unknown): v.InferOutput<S> | Record<never, never> {
  const parsed = v.safeParse(schema, json);
  return parsed.success ? parsed.output : {};
}
