import * as v from 'valibot';

/**
 * The shapes of stored rows. Each schema is the reader of a row and the source of its type. The type is strict; the
 * reader keeps fields that it does not know, because two versions of this code may write the same row alternately.
 */

/** Makes a type readonly at every depth. */
export type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** Returns a schema that keeps unknown fields and whose type has only the known ones. */
export function storedObject<const Entries extends v.ObjectEntries>(
  entries: Entries,
): v.GenericSchema<unknown, v.InferOutput<v.ObjectSchema<Entries, undefined>>>;
export function storedObject(entries: v.ObjectEntries): v.GenericSchema {
  return v.looseObject(entries);
}

/** The deletion as Voucherify returned it, without the customer's id. */
export const receivedSchema = storedObject({
  id: v.exactOptional(v.string()),
  created_at: v.exactOptional(v.string()),
  related_object: v.exactOptional(v.string()),
  status: v.string(),
  data_json: v.record(v.string(), v.number()),
  object: v.exactOptional(v.string()),
});

export const proofSchema = v.picklist(['deleted', 'gone']);

const deletionSchema = storedObject({
  project: v.string(),
  /** Index of the pin within its project: the receipt does not contain the customer's id. */
  pin: v.number(),
  proof: proofSchema,
  at: v.number(),
  received: v.exactOptional(receivedSchema),
});

export const projectStateSchema = v.picklist(['open', 'erased', 'no-match', 'not-identifiable', 'created-later']);

/** By kind: how many records Voucherify lists for the pinned customers, or the code of why they cannot be counted. */
export const residueCountsSchema = v.record(v.string(), v.union([v.number(), v.string()]));

export type ResidueCounts = Readonly<v.InferOutput<typeof residueCountsSchema>>;

const progressSchema = storedObject({
  state: projectStateSchema,
  /** Number of pinned customers; zero until pins are written. */
  pins: v.number(),
  /**
   * Number of completed look-ups that are stored until the pins are written, and then as long as others are refused;
   * absent if there never were any.
   */
  lookedUp: v.exactOptional(v.number()),
  /** Whether a deletion that has not been proved may have taken effect. */
  mayHaveExecuted: v.boolean(),
  deletions: v.array(deletionSchema),
  /** If the receipt needed review because too many customers were found: at least this many. */
  matched: v.exactOptional(v.number()),
  /** If nothing was deleted: at least this many customers were found but created after the request. */
  createdLater: v.exactOptional(v.number()),
  /** Indexes of pins without a customer: never seen, and a 404 on the first try. The try is not repeated. */
  absent: v.exactOptional(v.array(v.number())),
  /** The outcome if no pin has a customer; absent if at least one was seen. */
  ifAbsent: v.exactOptional(
    storedObject({
      kind: v.picklist(['no-match', 'not-identifiable', 'created-later']),
      createdLater: v.exactOptional(v.number()),
    }),
  ),
  /** Indexes of pins that were never seen, and of which it is unknown whether they were deleted. */
  unseenUnproven: v.exactOptional(v.array(v.number())),
  /** The code of each look-up that Voucherify refused. Without an operator's decision the project is never finished. */
  refusedLookUps: v.exactOptional(v.array(v.string())),
  /** Whether an operator has decided to repeat the refused look-ups. */
  lookUpAgain: v.exactOptional(v.boolean()),
  /** What Voucherify listed before the first deletion and after the last one; absent if the settings did not ask for it. */
  residue: v.exactOptional(
    storedObject({
      before: residueCountsSchema,
      after: v.exactOptional(residueCountsSchema),
      /** When it was counted after the deletion. */
      at: v.exactOptional(v.number()),
    }),
  ),
});

export type ProjectProgress = DeepReadonly<v.InferOutput<typeof progressSchema>>;

/** The fields of a decision apart from its time, which a receipt and its evidence write differently. */
export const decisionEntries = {
  actor: v.string(),
  /** `erase`: the operator made the request by hand. */
  action: v.picklist(['retry', 'refuse', 'withdraw', 'new-request', 'accept-partial', 'erase', 'erase-again']),
  reason: v.string(),
  /** Why the receipt needed review. */
  reviewReason: v.exactOptional(v.string()),
  /** How many customers may be deleted in one project, instead of the limit in settings. */
  maxCustomers: v.exactOptional(v.number()),
  /** By project, the HMAC of the app id that the operator accepts for the stored pins: it is a key of the same project. */
  sameProject: v.exactOptional(v.record(v.string(), v.string())),
};

const decisionSchema = storedObject({ at: v.number(), ...decisionEntries });

/** A decision of an operator, or of the platform that withdraws its request: who, when, why and what. */
export type Decision = DeepReadonly<v.InferOutput<typeof decisionSchema>>;

/** By project, the number of customers that would be deleted, or why it is not known. */
const previewSchema = storedObject({
  askedAt: v.number(),
  at: v.exactOptional(v.number()),
  projects: v.exactOptional(
    v.record(
      v.string(),
      storedObject({
        customers: v.exactOptional(v.number()),
        code: v.exactOptional(v.string()),
        /** How many activities the customers have at least, or the code of why they cannot be counted. */
        activities: v.exactOptional(v.union([v.number(), v.string()])),
      }),
    ),
  ),
});

/** `hold` is the id of the hold: the HMAC of an identifier of the request or of a customer found for it. */
const legalHoldSchema = storedObject({ hold: v.string(), from: v.number(), to: v.exactOptional(v.number()) });

/** Indexes refer to the stored callbacks. */
const callbackStateSchema = storedObject({
  tries: v.number(),
  delivered: v.array(v.number()),
  /** Targets that will never accept the callback. */
  refused: v.array(v.number()),
  /** When the next round is due; absent before the first one. */
  retryAt: v.exactOptional(v.number()),
  endedAt: v.exactOptional(v.number()),
});

export type CallbackState = DeepReadonly<v.InferOutput<typeof callbackStateSchema>>;

/** What a look at the deleted customers some time after the deletion has shown. */
export const verificationResultSchema = v.picklist(['absent', 'stillPresent', 'unavailable']);

const verificationSchema = storedObject({
  tries: v.number(),
  /** The deleted customers that Voucherify no longer returns. */
  absent: v.array(storedObject({ project: v.string(), pin: v.number() })),
  /** When the customers are looked at again; absent before the first look, and after the verification has ended. */
  lookAt: v.exactOptional(v.number()),
  /** Both are missing until the verification has ended. */
  result: v.exactOptional(verificationResultSchema),
  at: v.exactOptional(v.number()),
});

export type Verification = DeepReadonly<v.InferOutput<typeof verificationSchema>>;

export const authenticationSchema = storedObject({ scheme: v.string(), secret: v.string() });

export const receiptStateSchema = v.picklist([
  'open',
  'needs-review',
  'erased',
  'no-match',
  'not-identifiable',
  'created-later',
  'refused',
]);

export type ReceiptState = v.InferOutput<typeof receiptStateSchema>;

/**
 * No worker processes `needs-review`; the queue exists so that its alarm can count. `held` has receipts in review because of
 * a legal hold; the sweep checks whether it has ended. `verify` and `sign` have closed receipts whose callbacks have ended;
 * `verify` those with a deletion, which are looked at again before they are signed.
 */
const queueSchema = v.picklist(['erase', 'callback', 'needs-review', 'held', 'verify', 'sign']);

export type ReceiptQueue = v.InferOutput<typeof queueSchema>;

export const receiptSchema = storedObject({
  v: v.literal(1),
  id: v.string(),
  /** Grows by one with every write; the store's condition. */
  revision: v.number(),
  platform: v.string(),
  /** The platform's own id of the request, in clear only if it is a UUID. */
  reference: v.exactOptional(v.string()),
  payloadHmac: v.string(),
  /** HMAC of the first delivery's id, if the platform sends one. */
  deliveryHmac: v.exactOptional(v.string()),
  subjectHmacs: v.array(v.string()),
  /**
   * HMACs of what only the customers to delete have: a `source_id`, an e-mail address. Only if events of customers are
   * received.
   */
  resolvedHmacs: v.exactOptional(v.array(v.string())),
  /** Calls that all look-ups in one project need, if each list has one page. */
  lookUpCalls: v.number(),
  /** The kinds of the identifiers that cannot be looked up: a phone number, or an unusable value. */
  notLookedUp: v.exactOptional(v.array(v.string())),
  authentication: authenticationSchema,
  state: receiptStateSchema,
  reason: v.exactOptional(v.string()),
  receivedAt: v.number(),
  submittedAt: v.number(),
  dueAt: v.exactOptional(v.number()),
  closedAt: v.exactOptional(v.number()),
  /** In seconds, as DynamoDB requires it. */
  expiresAt: v.exactOptional(v.number()),
  /** The sparse index: which queue the receipt is in, and when it is due. Both are absent when it is in none. */
  queue: v.exactOptional(queueSchema),
  nextAttemptAt: v.exactOptional(v.number()),
  hasCallbacks: v.boolean(),
  /** Whether a reply to the platform ever said that the erasure is not finished: then it expects a callback. */
  repliedInProgress: v.boolean(),
  /** What the reply to the request said, and when; absent if it was only an acknowledgement. */
  firstReply: v.exactOptional(
    storedObject({ at: v.number(), as: v.picklist(['outcome', 'in-progress', 'send-again']) }),
  ),
  /** Number of claims so far, and so the number of the last claim. It is the fencing token: a later claim takes precedence. */
  claims: v.number(),
  /** Claims since the last recorded result; several in a row mean a poison request. */
  unrecordedClaims: v.number(),
  /** Attempts with a response that proved nothing. */
  unprovenCount: v.number(),
  lastResult: v.exactOptional(v.string()),
  projects: v.record(v.string(), progressSchema),
  /** State of the callbacks, once the first was sent. */
  callbackState: v.exactOptional(callbackStateSchema),
  /** State of the verification, once the deleted customers were looked at again. */
  verification: v.exactOptional(verificationSchema),
  /** Until when nothing is looked up or deleted (`delaySeconds`). Absent: there is no such wait, or an operator ended it. */
  delayedUntil: v.exactOptional(v.number()),
  /** Set if an operator asked what would be deleted; `at` once the sweep has looked it up. */
  preview: v.exactOptional(previewSchema),
  /** The legal holds that this erasure waited for, oldest first. */
  legalHolds: v.exactOptional(v.array(legalHoldSchema)),
  /** Decisions of operators, oldest first. */
  decisions: v.exactOptional(v.array(decisionSchema)),
  /** On a closed receipt: an operator's decision that the next delivery of the same body opens a new request. */
  newRequest: v.exactOptional(decisionSchema),
  /** On a closed receipt: an operator's decision to delete again the customers that are still present. */
  eraseAgain: v.exactOptional(decisionSchema),
  /** On a receipt that such a decision created: the first receipt. */
  erasesAgain: v.exactOptional(v.string()),
  /** The signed evidence of the closed receipt: a compact JWS, written once. */
  evidence: v.exactOptional(v.string()),
});

/** All times are epoch milliseconds, except `expiresAt`. */
export type Receipt = DeepReadonly<v.InferOutput<typeof receiptSchema>>;

/** Once the receipt is closed, it has no identifiers: only callbacks still need the rest. */
export const personalDataSchema = storedObject({
  /** The platform's own id of the request and the scope in which it is unique: callbacks need them in clear. */
  reference: v.string(),
  scope: v.string(),
  identifiers: v.array(
    storedObject({ kind: v.picklist(['customer_id', 'source_id', 'email', 'phone']), value: v.string() }),
  ),
  callbacks: v.array(
    storedObject({
      url: v.string(),
      headers: v.record(v.string(), v.string()),
      values: v.exactOptional(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]))),
    }),
  ),
});

/** Stored apart from the receipt, in the identifiers table, and only as long as it is needed. */
export type PersonalData = DeepReadonly<v.InferOutput<typeof personalDataSchema>>;

const pinSchema = storedObject({
  customerId: v.string(),
  /** Whether Voucherify returned this customer; a soft-deleted one is not returned and may still be purged. */
  seen: v.boolean(),
  /** HMAC of the app id that it was resolved with: a 404 under another key proves nothing. */
  appIdHmac: v.string(),
  /** The HMACs of its source_id and e-mail address when it was found, by which a legal hold finds it. */
  subjectHmacs: v.exactOptional(v.array(v.string())),
});

export const pinsSchema = v.array(pinSchema);

/** A customer that is to be deleted in one project, stored before the delete call. */
export type Pin = DeepReadonly<v.InferOutput<typeof pinSchema>>;

const matchedSchema = v.array(v.picklist(['customer_id', 'source_id', 'email']));
const typeSchema = v.picklist(['customer.created', 'customer.updated']);

export const addendumSchema = storedObject({
  v: v.literal(1),
  receipt: v.string(),
  /** HMAC of the event's id, or for later updates of one customer, of the customer's id. */
  event: v.string(),
  /** Grows by one with every write; the store's condition. */
  revision: v.number(),
  project: v.string(),
  type: typeSchema,
  /** Which identifiers of the customer are the same as in the request. */
  matched: matchedSchema,
  /** Which part of Voucherify created or changed the customer, as the event names it. */
  channel: v.exactOptional(v.string()),
  /** When the event occurred and when it was received, in epoch milliseconds. */
  occurredAt: v.number(),
  receivedAt: v.number(),
  /** The receipt's own expiry, in epoch seconds. */
  expiresAt: v.number(),
  /** The signed addendum, a compact JWS; absent until the sweep has signed it. */
  jws: v.exactOptional(v.string()),
});

/** A reappearance of an erased person, as it is stored. */
export type Addendum = DeepReadonly<v.InferOutput<typeof addendumSchema>>;
