import type { Deletion, FinalKind } from '../erasure.ts';

/**
 * The rules of a receipt, pure. A row is open until it is closed, once: every change below answers `undefined` when the
 * rules forbid it, and the store writes a change only over the revision that it was made from.
 * All times are epoch milliseconds, but `expiresAt`, which DynamoDB wants in seconds.
 */
export interface Receipt {
  readonly v: 1;
  readonly id: string;
  /** Grows by one with every write; the store's condition. */
  readonly revision: number;
  readonly platform: string;
  /** The platform's own id of the request, in clear only where it is a UUID. */
  readonly reference?: string;
  readonly payloadHmac: string;
  /** HMAC of the id of the first delivery, where the platform sends one; see `deliveryId`. */
  readonly deliveryHmac?: string;
  readonly subjectHmacs: readonly string[];
  readonly authentication: { readonly scheme: string; readonly secret: string };
  readonly state: ReceiptState;
  readonly reason?: string;
  readonly receivedAt: number;
  readonly submittedAt: number;
  readonly dueAt?: number;
  readonly closedAt?: number;
  readonly expiresAt?: number;
  /** The sparse index: which queue the receipt waits in, and until when. Both are absent when nothing waits. */
  readonly queue?: ReceiptQueue;
  readonly nextAttemptAt?: number;
  readonly hasCallbacks: boolean;
  /** Whether the platform was ever answered that this is not finished: then it waits for a callback. */
  readonly answeredInProgress: boolean;
  /** What the request itself was answered with, and when; absent where it only was acknowledged. */
  readonly firstReply?: { readonly at: number; readonly as: 'outcome' | 'in-progress' };
  /** Attempts that were ever begun: the generation of the worker that holds the last claim. */
  readonly claims: number;
  /** Claims since the last recorded result; several in a row are a poison request. */
  readonly unrecordedClaims: number;
  /** Answers that said 200 and proved nothing. */
  readonly unprovenCount: number;
  readonly lastResult?: string;
  readonly projects: Readonly<Record<string, ProjectProgress>>;
  /** How telling the platform stands, once that has begun. */
  readonly callbackState?: CallbackState;
  /** What operators decided, the oldest first. */
  readonly decisions?: readonly Decision[];
  /** Of a closed receipt: the operator's decision that the next delivery of the same body opens a new request. */
  readonly newRequest?: Decision;
  /** The signed form of the closed receipt: a compact JWS, written once. */
  readonly evidence?: string;
}

/** Indices are those of the callbacks that are kept. */
export interface CallbackState {
  readonly tries: number;
  readonly delivered: readonly number[];
  /** Targets that said that they will never take it. */
  readonly refused: readonly number[];
  readonly endedAt?: number;
}

/** A decision of an operator: who, when and why, and what it was about. */
export interface Decision {
  readonly at: number;
  readonly actor: string;
  readonly action: 'retry' | 'refuse' | 'new-request';
  readonly reason: string;
  /** Why the receipt had asked for a person. */
  readonly reviewReason?: string;
  /** How many customers may be deleted in one project instead of what settings say. */
  readonly maxCustomers?: number;
}

export type ReceiptState = 'open' | 'needs-review' | FinalKind;
/** `needs-review` is worked on by nobody; it is counted, so that its alarm stands. `sign` holds what is closed and told. */
export type ReceiptQueue = 'erase' | 'callback' | 'needs-review' | 'sign';

export interface ProjectProgress {
  readonly state: 'open' | 'erased' | 'no-match' | 'not-identifiable';
  /** How many customers are pinned; zero as long as nothing is. */
  readonly pins: number;
  /** How many completed look-ups are kept until the pins are written; absent where none ever were. */
  readonly lookedUp?: number;
  /** Whether a deletion that has not been proved may have had its effect all the same. */
  readonly mayHaveExecuted: boolean;
  readonly deletions: readonly Deletion[];
  /** Pins that name nobody, by index: never seen, and a 404 on the first try. Such a try is not repeated. */
  readonly absent?: readonly number[];
}

export type ReceiptFacts = Pick<
  Receipt,
  | 'id'
  | 'platform'
  | 'reference'
  | 'payloadHmac'
  | 'deliveryHmac'
  | 'subjectHmacs'
  | 'authentication'
  | 'receivedAt'
  | 'submittedAt'
  | 'dueAt'
  | 'hasCallbacks'
  | 'firstReply'
  | 'decisions'
>;

/** A new receipt. `attemptFollows` says that the writer goes on to attempt it, which is its first claim. */
export function createReceipt(
  facts: ReceiptFacts,
  projects: readonly string[],
  next: { readonly attemptAt: number; readonly attemptFollows: boolean },
): Receipt {
  const claims = next.attemptFollows ? 1 : 0;
  const untouched: ProjectProgress = { state: 'open', pins: 0, mayHaveExecuted: false, deletions: [] };
  return {
    ...facts,
    v: 1,
    revision: 1,
    state: 'open',
    queue: 'erase',
    nextAttemptAt: next.attemptAt,
    answeredInProgress: false,
    claims,
    unrecordedClaims: claims,
    unprovenCount: 0,
    projects: Object.fromEntries(projects.map(project => [project, untouched])),
  };
}

/** Whether the last word on an open receipt is an operator's that it is refused. */
export function isRefusalDecided({ state, decisions }: Receipt): boolean {
  return state === 'open' && decisions?.at(-1)?.action === 'refuse';
}

/** No worker touches it until an operator decides; not final towards the platform. */
export function requestReview(receipt: Receipt, reason: string): Receipt {
  const waits = { queue: 'needs-review', nextAttemptAt: receipt.receivedAt } as const;
  return nextRevision(receipt, { ...waits, state: 'needs-review', reason, lastResult: reason });
}

/** Whether a closed receipt has nothing left to do that needs the identifiers: signing does not. */
export function needsNoPersonalData(receipt: Receipt): boolean {
  return isFinal(receipt.state) && receipt.queue !== 'callback';
}

export function isFinal(state: ReceiptState): state is FinalKind {
  return state !== 'open' && state !== 'needs-review';
}

/** The next revision. */
export function nextRevision(receipt: Receipt, change: Partial<Receipt>): Receipt {
  return { ...receipt, ...change, revision: receipt.revision + 1 };
}
