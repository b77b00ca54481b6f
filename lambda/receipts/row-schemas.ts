import * as v from 'valibot';
import type { Deletion, IdentifierKind, LookUpResults } from '../domain/erasure.ts';
import { Failure } from '../domain/failure.ts';
import { parseJson } from '../io/json.ts';
import type { Decision, ProjectProgress, Receipt, ReceiptQueue, ReceiptState } from './receipt.ts';
import { type PersonalData, type Pin, storeUnavailable } from './store.ts';

/** The deletion as Voucherify answered it, as far as a receipt keeps it. */
export const receivedSchema = v.looseObject({
  id: v.exactOptional(v.string()),
  created_at: v.exactOptional(v.string()),
  related_object: v.exactOptional(v.string()),
  status: v.string(),
  data_json: v.record(v.string(), v.number()),
  object: v.exactOptional(v.string()),
});

const deletion = v.looseObject({
  project: v.string(),
  pin: v.number(),
  proof: oneOf<Deletion['proof']>({ deleted: 'deleted', gone: 'gone' }),
  at: v.number(),
  received: v.exactOptional(receivedSchema),
});

const progress = v.looseObject({
  state: oneOf<ProjectProgress['state']>({
    open: 'open',
    erased: 'erased',
    'no-match': 'no-match',
    'not-identifiable': 'not-identifiable',
  }),
  pins: v.number(),
  lookedUp: v.exactOptional(v.number()),
  mayHaveExecuted: v.boolean(),
  deletions: v.array(deletion),
  absent: v.exactOptional(v.array(v.number())),
});

const decision = v.looseObject({
  at: v.number(),
  actor: v.string(),
  action: oneOf<Decision['action']>({ retry: 'retry', refuse: 'refuse', 'new-request': 'new-request' }),
  reason: v.string(),
  reviewReason: v.exactOptional(v.string()),
  maxCustomers: v.exactOptional(v.number()),
});

type FirstAnswer = NonNullable<Receipt['firstReply']>['as'];

/** A receipt's row; see stored-rows.ts. */
export const receiptSchema = v.looseObject({
  v: v.literal(1),
  id: v.string(),
  revision: v.number(),
  platform: v.string(),
  reference: v.exactOptional(v.string()),
  payloadHmac: v.string(),
  deliveryHmac: v.exactOptional(v.string()),
  subjectHmacs: v.array(v.string()),
  authentication: v.looseObject({ scheme: v.string(), secret: v.string() }),
  state: oneOf<ReceiptState>({
    open: 'open',
    'needs-review': 'needs-review',
    erased: 'erased',
    'no-match': 'no-match',
    'not-identifiable': 'not-identifiable',
    refused: 'refused',
  }),
  reason: v.exactOptional(v.string()),
  receivedAt: v.number(),
  submittedAt: v.number(),
  dueAt: v.exactOptional(v.number()),
  closedAt: v.exactOptional(v.number()),
  expiresAt: v.exactOptional(v.number()),
  queue: v.exactOptional(
    oneOf<ReceiptQueue>({ erase: 'erase', callback: 'callback', 'needs-review': 'needs-review', sign: 'sign' }),
  ),
  nextAttemptAt: v.exactOptional(v.number()),
  hasCallbacks: v.boolean(),
  answeredInProgress: v.boolean(),
  firstReply: v.exactOptional(
    v.looseObject({ at: v.number(), as: oneOf<FirstAnswer>({ outcome: 'outcome', 'in-progress': 'in-progress' }) }),
  ),
  claims: v.number(),
  unrecordedClaims: v.number(),
  unprovenCount: v.number(),
  lastResult: v.exactOptional(v.string()),
  projects: v.record(v.string(), progress),
  callbackState: v.exactOptional(
    v.looseObject({
      tries: v.number(),
      delivered: v.array(v.number()),
      refused: v.array(v.number()),
      endedAt: v.exactOptional(v.number()),
    }),
  ),
  decisions: v.exactOptional(v.array(decision)),
  newRequest: v.exactOptional(decision),
  evidence: v.exactOptional(v.string()),
});

/** One of the words of a union. One that is added there and forgotten here does not compile. */
function oneOf<Union extends string>(words: { readonly [Word in Union]: Word }) {
  return v.enum(words);
}

/*
 * Rows as they are stored, the same text in every store. Two versions of this code may take turns on one row, so
 * fields that are not known here survive, and a row whose known fields are not what they were is left alone.
 */
const kind = oneOf<IdentifierKind>({
  customer_id: 'customer_id',
  source_id: 'source_id',
  email: 'email',
  phone: 'phone',
});

const keptSchema = v.looseObject({
  reference: v.string(),
  scope: v.string(),
  identifiers: v.array(v.looseObject({ kind, value: v.string() })),
  callbacks: v.array(v.looseObject({ url: v.string(), headers: v.record(v.string(), v.string()) })),
});

const pinsSchema = v.array(v.looseObject({ customerId: v.string(), seen: v.boolean(), appIdHmac: v.string() }));

const lookUpsSchema = v.looseObject({
  appIdHmac: v.string(),
  results: v.array(
    v.looseObject({
      identifier: v.number(),
      spelling: v.string(),
      identifiable: v.boolean(),
      candidates: v.array(v.looseObject({ id: v.string(), seen: v.boolean(), createdAt: v.exactOptional(v.string()) })),
    }),
  ),
});

/**
 * Throws `unavailable` for a receipt of a version that this code does not know, which must be left for one that does, and
 * for a row that stands where the receipt `id` should.
 */
export function parseReceiptRow(row: string, id?: string): Receipt {
  const receipt = read(receiptSchema, row);
  if (id !== undefined && receipt.id !== id)
    throw storeUnavailable('a stored row holds another receipt than its key says');
  return receipt;
}

/** Throws as {@link parseReceiptRow} does. */
export function parsePersonalDataRow(row: string): PersonalData {
  return read(keptSchema, row);
}

/** Throws as {@link parseReceiptRow} does. */
export function parsePinsRow(row: string): readonly Pin[] {
  return read(pinsSchema, row);
}

/** Throws as {@link parseReceiptRow} does. */
export function lookUpsFrom(row: string): LookUpResults {
  return read(lookUpsSchema, row);
}

function read<T>(schema: v.GenericSchema<unknown, T>, row: string): T {
  const parsed = v.safeParse(schema, parseJson(row)?.value);
  if (!parsed.success) throw storeUnavailable('a stored row is not of a version that this code knows');
  return parsed.output;
}

/** Actions one transaction may hold (DynamoDB API Reference, TransactWriteItems). */
const mostActions = 100;

/**
 * Throws `too-large` for a receipt that could not be closed in one transaction: closing writes the receipt and every
 * look-up row and deletes what is kept apart and the pins, or else the completed look-ups, of every project.
 */
export function rejectOversized(receipt: Receipt): void {
  const actions = 2 + new Set(receipt.subjectHmacs).size + Object.keys(receipt.projects).length;
  if (actions > mostActions) throw new Failure('too-large', 'identifiers: more than one request may hold');
}
