import * as v from 'valibot';
import { Failure } from '../domain/failure.ts';
import { type Identifier, isUsable } from '../domain/identifiers.ts';
import { parseStrictJson } from '../io/json.ts';

/** A customer that was created or changed in Voucherify. Exists in memory only. */
export interface CustomerEvent {
  /** The id of what happened, the same in each delivery. */
  readonly id: string;
  readonly type: v.InferOutput<typeof customerEvents>;
  /** Epoch milliseconds. */
  readonly occurredAt: number;
  /** When the customer was created, in epoch milliseconds. */
  readonly createdAt: number;
  readonly customerId: string;
  /** The identifiers of the customer by which erasures are requested. */
  readonly identifiers: readonly Identifier[];
  readonly channel?: string;
}

const customerEvents = v.picklist(['customer.created', 'customer.updated']);

const time = v.pipe(v.string(), v.transform(Date.parse), v.number(), v.finite());
const text = v.nullish(v.string());

/** Voucherify's project webhook of version 2024-01-01 ("Introduction to webhooks"). Only these fields are read. */
const envelope = v.object({
  data: v.object({
    customer: v.object({ id: v.string(), source_id: text, email: text, created_at: time }),
  }),
  event: v.object({
    id: v.pipe(v.string(), v.nonEmpty()),
    created_at: time,
    event_source: v.nullish(v.object({ channel: text })),
  }),
});

/** A channel is one of Voucherify's constants, such as `API`; any other text could be about a person. */
const channelPattern = /^[A-Z][A-Z_]{0,39}$/;

/**
 * Reads the event. Returns `undefined` for an event of another type. Throws `invalid` if it cannot be read; the message
 * contains no value of it.
 */
export function parseCustomerEvent(rawBody: Uint8Array): CustomerEvent | undefined {
  const body = parseStrictJson(rawBody);
  const type = v.safeParse(v.object({ type: v.string() }), body);
  if (!type.success) throw new Failure('invalid', 'type: must be a text');
  const known = v.safeParse(customerEvents, type.output.type);
  if (!known.success) return undefined;
  const parsed = v.safeParse(envelope, body);
  if (!parsed.success) throw new Failure('invalid', 'event: must be a customer event of version 2024-01-01');
  const { customer } = parsed.output.data;
  const { id, created_at: occurredAt, event_source } = parsed.output.event;
  const channel = event_source?.channel ?? '';
  return {
    id,
    type: known.output,
    occurredAt,
    createdAt: customer.created_at,
    customerId: customer.id,
    identifiers: identifiersOf(customer),
    ...(channelPattern.test(channel) ? { channel } : {}),
  };
}

function identifiersOf(customer: v.InferOutput<typeof envelope>['data']['customer']): readonly Identifier[] {
  const all: readonly Identifier[] = [
    { kind: 'customer_id', value: customer.id },
    { kind: 'source_id', value: customer.source_id ?? '' },
    { kind: 'email', value: customer.email ?? '' },
  ];
  return all.filter(isUsable);
}
