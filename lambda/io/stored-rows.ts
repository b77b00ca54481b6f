import * as v from 'valibot';
import type { Deletion, IdentifierKind } from '../erasure.ts';
import { Failure } from '../failure.ts';
import type { ProjectProgress, Queue, Receipt, State } from '../receipts/receipt.ts';
import type { Kept, Pin } from '../receipts/store.ts';
import { parseOrUndefined } from './json.ts';
import { storeUnavailable } from './store-failure.ts';

/*
 * Rows as they are stored, the same text in every store. Two versions of this code may take turns on one row, so
 * fields that are not known here survive, and a row whose known fields are not what they were is left alone.
 */
const deletion = v.looseObject({
  project: v.string(),
  pin: v.number(),
  proof: oneOf<Deletion['proof']>({ deleted: 'deleted', gone: 'gone' }),
  at: v.number(),
  received: v.exactOptional(
    v.looseObject({
      id: v.exactOptional(v.string()),
      created_at: v.exactOptional(v.string()),
      related_object: v.exactOptional(v.string()),
      status: v.string(),
      data_json: v.record(v.string(), v.number()),
      object: v.exactOptional(v.string()),
    }),
  ),
});

const progress = v.looseObject({
  state: oneOf<ProjectProgress['state']>({
    open: 'open',
    erased: 'erased',
    'no-match': 'no-match',
    'not-identifiable': 'not-identifiable',
  }),
  pins: v.number(),
  tried: v.boolean(),
  deletions: v.array(deletion),
});

const receiptSchema = v.looseObject({
  v: v.literal(1),
  id: v.string(),
  revision: v.number(),
  platform: v.string(),
  reference: v.exactOptional(v.string()),
  payloadMac: v.string(),
  subjectMacs: v.array(v.string()),
  authentication: v.looseObject({ scheme: v.string(), secret: v.string() }),
  state: oneOf<State>({
    open: 'open',
    'needs-human': 'needs-human',
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
  queue: v.exactOptional(oneOf<Queue>({ erase: 'erase', 'call-back': 'call-back', 'needs-human': 'needs-human' })),
  nextAttemptAt: v.exactOptional(v.number()),
  hasCallbacks: v.boolean(),
  answeredOpen: v.boolean(),
  claims: v.number(),
  unrecordedClaims: v.number(),
  unproven: v.number(),
  lastResult: v.exactOptional(v.string()),
  projects: v.record(v.string(), progress),
  callBack: v.exactOptional(
    v.looseObject({
      tries: v.number(),
      delivered: v.array(v.number()),
      refused: v.array(v.number()),
      endedAt: v.exactOptional(v.number()),
    }),
  ),
});

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

const pinsSchema = v.array(v.looseObject({ customerId: v.string(), seen: v.boolean(), appIdMac: v.string() }));

/** Throws `unavailable` for a receipt of a version that this code does not know: it must be left for one that does. */
export function receiptFrom(row: string): Receipt {
  return read(receiptSchema, row);
}

/** Throws as {@link receiptFrom} does. */
export function keptFrom(row: string): Kept {
  return read(keptSchema, row);
}

/** Throws as {@link receiptFrom} does. */
export function pinsFrom(row: string): readonly Pin[] {
  return read(pinsSchema, row);
}

function read<T>(schema: v.GenericSchema<unknown, T>, row: string): T {
  const parsed = v.safeParse(schema, parseOrUndefined(row)?.value);
  if (!parsed.success) throw storeUnavailable('a stored row is not of a version that this code knows');
  return parsed.output;
}

/** One of the words of a union. One that is added there and forgotten here does not compile. */
function oneOf<Union extends string>(words: { readonly [Word in Union]: Word }) {
  return v.enum(words);
}

/** Actions one transaction may hold (DynamoDB API Reference, TransactWriteItems). */
const mostActions = 100;

/**
 * Throws `too-large` for a receipt that could not be closed in one transaction: closing writes the receipt and every
 * look-up row and deletes what is kept apart and the pins of every project.
 */
export function refuseOversized(receipt: Receipt): void {
  const actions = 2 + new Set(receipt.subjectMacs).size + Object.keys(receipt.projects).length;
  if (actions > mostActions) throw new Failure('too-large', 'identifiers: more than one request may hold');
}
