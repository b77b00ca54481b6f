import * as v from 'valibot';
import type { Deletion } from '../erasure.ts';
import type { Decision, ProjectProgress, Receipt, ReceiptQueue, ReceiptState } from '../receipts/receipt.ts';

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
export function oneOf<Union extends string>(words: { readonly [Word in Union]: Word }) {
  return v.enum(words);
}
