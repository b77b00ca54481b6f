import * as v from 'valibot';
import { parseSharedSecret } from '../authentication/shared-secret.ts';
import { matchSignature } from '../authentication/signed-body.ts';
import { Failure, failureOf } from '../domain/failure.ts';
import { emptyReply, type HttpReply, type HttpRequest, jsonReply, singleHeader } from '../domain/http.ts';
import { type Identifier, isUsable } from '../domain/identifiers.ts';
import { eventSecretName, namePattern } from '../domain/names.ts';
import { parseStrictJson } from '../io/json.ts';
import { failureFields } from '../io/log.ts';
import type { Pseudonymizer } from '../receipts/hmac.ts';
import type { Addendum } from '../receipts/row-schemas.ts';
import type { ErasedReceipt } from '../receipts/store.ts';
import type { Services } from '../services.ts';
import { eventProjects } from '../settings.ts';

/** A customer that was created or changed in Voucherify. Exists in memory only. */
interface CustomerEvent {
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
function parseCustomerEvent(rawBody: Uint8Array): CustomerEvent | undefined {
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

/** Everything that the handling of events uses: no identifiers, no call to Voucherify, no signing key. */
export type EventServices = Pick<Services, 'settings' | 'store' | 'readSecret' | 'pseudonymizer' | 'now' | 'log'>;

/**
 * Handles one event that Voucherify sends about a customer. Compares the customer with the erased persons, by HMACs. For
 * each erasure that matches, it stores an addendum, which the sweep signs and reports. It deletes nothing. Of the
 * event it stores only its time, type and channel, the kinds that match, and HMACs. Replies 204 only after the addenda are
 * stored, and 503 while an erasure that may precede the event is being stored. Throws a `Failure`, which {@link eventErrorReply} turns into the reply; after 503 and 429,
 * Voucherify repeats the event.
 */
export async function receiveEvent(request: HttpRequest, services: EventServices): Promise<HttpReply> {
  const project = projectOf(request);
  if (project === undefined || !eventProjects(services.settings).includes(project))
    throw new Failure('not-found', 'path: no such project');
  if (request.method !== 'POST') {
    throw new Failure('method-not-allowed', 'method: only POST is allowed', { headers: { Allow: 'POST' } });
  }
  await verifySignature(request, project, services);
  try {
    const event = parseCustomerEvent(request.rawBody);
    const receivedAt = request.receivedAt ?? services.now();
    if (event !== undefined && !(await compare(event, project, receivedAt, services)))
      return tooEarlyReply(project, services);
  } catch (error) {
    throw failureOf(error).markVerified();
  }
  services.log({ event: 'customer-event', project });
  return emptyReply(204);
}

/**
 * How long after an event, in milliseconds, an erasure that ended before it may still be on its way to the store. The end is
 * the time at which a worker begins the write that closes the receipt, and no worker lives longer.
 */
const closingMs = 240_000;

function tooEarlyReply(project: string, { log }: EventServices): HttpReply {
  log({ event: 'rejected', project, code: 'erasure-open', status: 503 });
  const message = 'an erasure of this customer is not finished: send the event again';
  return jsonReply(503, { message }, { 'Retry-After': String(closingMs / 1000) });
}

/**
 * Logs a failure and returns its reply. Whatever an authentic event was rejected for raises one alarm, before Voucherify
 * has repeated it twelve times and switches its webhook off. Never throws.
 */
export function eventErrorReply(request: HttpRequest, failure: Failure, { log, settings }: EventServices): HttpReply {
  const project = projectOf(request);
  const isKnown = project !== undefined && eventProjects(settings).includes(project);
  const { alarm: _, ...fields } = failureFields(failure);
  const isLost = failure.verified || failure.status >= 500;
  log({
    event: 'rejected',
    ...(isKnown ? { project } : {}),
    ...fields,
    ...(isLost ? { alarm: 'event-rejected', rule: failure.message } : {}),
    status: failure.status,
  });
  return jsonReply(failure.status, { message: failure.message }, failure.headers);
}

const route = new RegExp(`^/events/(${namePattern})$`);

function projectOf({ path }: HttpRequest): string | undefined {
  return route.exec(path)?.[1];
}

/** The signature is the HMAC-SHA256 of the raw body in hex (Voucherify, "Introduction to webhooks"). It covers no time. */
async function verifySignature(request: HttpRequest, project: string, { readSecret }: EventServices): Promise<void> {
  const secret = parseSharedSecret(await readSecret(eventSecretName(project)));
  const given = singleHeader(request, 'x-voucherify-signature') ?? '';
  if (matchSignature(given, request.rawBody, secret, { hash: 'sha256', encoding: 'hex' }) === undefined)
    throw new Failure('unauthorized', 'x-voucherify-signature: is missing or does not match');
}

/** Stores an addendum for each erasure that the event follows. Returns false if it is too early to tell. */
async function compare(
  event: CustomerEvent,
  project: string,
  receivedAt: number,
  { store, pseudonymizer }: EventServices,
): Promise<boolean> {
  const hmacs = await pseudonymizer();
  const matched = new Map<string, { readonly erased: ErasedReceipt; readonly kinds: Addendum['matched'][number][] }>();
  const { identifiers, occurredAt, createdAt } = event;
  const found = await Promise.all(identifiers.map(identifier => store.findErased(hmacs.subject(identifier))));
  const isRecent = Math.abs(receivedAt - Math.min(occurredAt, createdAt)) < closingMs;
  if (isRecent && found.some(({ hasOpen }) => hasOpen)) return false;
  identifiers.forEach(({ kind }, at) => {
    if (kind === 'phone') return;
    for (const erased of found[at]?.erased ?? []) {
      if (!isReappearance(kind, event, erased)) continue;
      const { kinds } = matched.get(erased.id) ?? { kinds: [] };
      matched.set(erased.id, { erased, kinds: [...kinds, kind] });
    }
  });
  for (const { erased, kinds } of matched.values()) {
    await store.addAddendum(addendumOf(event, { project, receivedAt, erased, kinds, hmacs }));
  }
  return true;
}

/**
 * Only an event that is later than the erasure counts: Voucherify may repeat an earlier one for a day. Voucherify gives each
 * customer a new id, so an erased id must never appear again. A `source_id` or an e-mail address may belong to a customer that
 * the request did not mean: it counts if the customer is later than the erasure, too.
 */
function isReappearance(kind: string, { occurredAt, createdAt }: CustomerEvent, { erasedAt }: ErasedReceipt): boolean {
  return erasedAt < occurredAt && (kind === 'customer_id' || erasedAt < createdAt);
}

interface Match {
  readonly project: string;
  readonly receivedAt: number;
  readonly erased: ErasedReceipt;
  readonly kinds: Addendum['matched'];
  readonly hmacs: Pseudonymizer;
}

/** One addendum for each receipt and event. All updates of one customer share one: each purchase updates the customer. */
function addendumOf(event: CustomerEvent, { project, receivedAt, erased, kinds, hmacs }: Match): Addendum {
  const { id, type, customerId, channel, occurredAt } = event;
  return {
    v: 1,
    receipt: erased.id,
    event: hmacs.event(project, type === 'customer.updated' ? customerId : id),
    revision: 1,
    project,
    type,
    matched: kinds,
    ...(channel === undefined ? {} : { channel }),
    occurredAt,
    receivedAt,
    expiresAt: erased.expiresAt,
  };
}
