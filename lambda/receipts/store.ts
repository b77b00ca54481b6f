import type { LookUpResults } from '../domain/erasure.ts';
import { Failure } from '../domain/failure.ts';
import type { Addendum, PersonalData, Pin, Receipt, ReceiptQueue } from './row-schemas.ts';
import type { SelectPartition } from './rows.ts';

export type { PersonalData, Pin } from './row-schemas.ts';

export interface PersonalDataWithPins extends PersonalData {
  readonly pins: Readonly<Record<string, readonly Pin[]>>;
  readonly lookUps: Readonly<Record<string, LookUpResults>>;
}

/**
 * The port to the database of receipts. Its adapters enforce two rules: a receipt is created only if its id is not in
 * use, and replaced only over the previous revision. Everything in one call is written in one transaction. Every method
 * throws `unavailable` with the alarm `store-unavailable` if the database cannot be reached; then nothing is written.
 */
export interface ReceiptStore {
  /** Stores a new receipt, its personal data, pins and a look-up row per subject; or returns the receipt that already exists. */
  accept(
    receipt: Receipt,
    personalData: PersonalData,
    pins?: PersonalDataWithPins['pins'],
  ): Promise<{ readonly stored: boolean; readonly receipt: Receipt }>;
  read(id: string): Promise<Receipt | undefined>;
  /** Replaces revision `next.revision - 1`. Returns false if the stored revision is another one. */
  replace(next: Receipt, also?: SideWrites): Promise<boolean>;
  /**
   * Returns ids of receipts in the queue that are due, oldest first, or of addenda. The index may lag: check each of them.
   * `select` chooses among the parts of the queue `erase`, by default all, also those of platforms and projects that are not
   * in settings.
   */
  due(
    queue: ReceiptQueue | 'addendum',
    now: number,
    limit: number,
    select?: SelectPartition,
  ): Promise<readonly string[]>;
  readPersonalData(id: string): Promise<PersonalDataWithPins | undefined>;
  /** Returns the pins of a receipt by project. A closed receipt has pins, but no other personal data, until it is verified. */
  readPins(id: string): Promise<PersonalDataWithPins['pins']>;
  /** Returns the ids of one subject's receipts, by the HMAC of the subject. */
  find(subjectHmac: string): Promise<readonly string[]>;
  /** Returns what the look-up rows of a subject say: which receipts are closed as `erased`, and whether one is not closed. */
  findErased(subjectHmac: string): Promise<SubjectErasures>;
  /** Stores a new addendum, unless one with its key exists. It is due for signing at once. */
  addAddendum(addendum: Addendum): Promise<void>;
  /** Reads an addendum by its id, which `due` returns. */
  readAddendum(id: string): Promise<Addendum | undefined>;
  /** Replaces revision `next.revision - 1` of an addendum. Returns false if the stored revision is another one. */
  replaceAddendum(next: Addendum): Promise<boolean>;
  /** Returns the addenda of a receipt. */
  addendaOf(receiptId: string): Promise<readonly Addendum[]>;
}

export interface SubjectErasures {
  readonly erased: readonly ErasedReceipt[];
  /** Whether a receipt of the subject is not closed yet. */
  readonly hasOpen: boolean;
}

/** What a look-up row says about a receipt that is closed as `erased`. */
export interface ErasedReceipt {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly erasedAt: number;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

export interface SideWrites {
  readonly pins?: { readonly project: string; readonly pins: readonly Pin[] };
  /** Replaces the completed look-ups of these projects; `undefined` deletes them. */
  readonly lookUps?: readonly { readonly project: string; readonly lookUps: LookUpResults | undefined }[];
  /** Deletes the personal data, pins and look-ups included, except `callbackData`. */
  readonly deletePersonalData?: boolean;
  /** What is left of the personal data for callbacks. */
  readonly callbackData?: PersonalData;
  /** Whether `deletePersonalData` leaves the pins, because the deleted customers are not verified yet. */
  readonly keepPins?: boolean;
  /** Replaces the pins of every project by those that are left after the verification. */
  readonly pinsLeft?: PinsLeft;
}

/** The pins by project that are left after a verification, and until when (epoch seconds). */
export interface PinsLeft {
  readonly pins: PersonalDataWithPins['pins'];
  readonly expiresAt: number;
}

/** How many conflicting writes are retried. */
const maxTries = 8;

export interface UpdatedReceipt {
  /** The receipt as it is stored now. */
  readonly receipt: Receipt;
  /** Whether the change was made; false if the rules forbid it. */
  readonly done: boolean;
}

/**
 * Applies one change, again on the newest revision if another writer was faster. Throws `unavailable` if the store cannot
 * be reached, if the receipt is missing, or after too many conflicts.
 */
export async function updateReceipt(
  store: Pick<ReceiptStore, 'read' | 'replace'>,
  receipt: Receipt,
  change: (current: Receipt) => Receipt | undefined,
  also?: (next: Receipt) => SideWrites,
): Promise<UpdatedReceipt> {
  let current: Receipt | undefined = receipt;
  for (let tries = 0; tries < maxTries && current !== undefined; tries += 1) {
    const next = change(current);
    if (next === undefined) return { receipt: current, done: false };
    if (await store.replace(next, also?.(next))) return { receipt: next, done: true };
    current = await store.read(receipt.id);
  }
  throw new Failure('unavailable', 'the receipt cannot be written', { alarm: 'store-unavailable' });
}
