import * as v from 'valibot';
import { isCustomerId, type ReceivedDeletion } from '../domain/erasure.ts';
import { type CallFailure, type CallResult, needsReview, tooLarge, unprovenFailure } from './classify.ts';

/** Parses the responses of Voucherify and decides what each one proves. */

export interface Customer {
  readonly id: string;
  readonly source_id?: unknown;
  readonly email?: unknown;
  readonly created_at?: unknown;
}

export type LookUpReply =
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
export function parseLookUp(outcome: CallResult['outcome']): LookUpReply {
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
