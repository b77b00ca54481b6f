import type { CallbackTarget, Identifier, LookUpResults } from '../erasure.ts';
import type { Receipt, ReceiptQueue } from './receipt.ts';

/** What is kept apart from the receipt, in the identifiers table, and only while it is needed. */
export interface PersonalData {
  /** The platform's own id of the request and what it is unique in: callbacks name them, the receipt may not. */
  readonly reference: string;
  readonly scope: string;
  readonly identifiers: readonly Identifier[];
  readonly callbacks: readonly CallbackTarget[];
}

/** A customer that is to be deleted in one project, stored before the delete call. */
export interface Pin {
  readonly customerId: string;
  /** Whether Voucherify showed us this customer; a soft-deleted one cannot be seen and may still be purged. */
  readonly seen: boolean;
  /** HMAC of the app id that it was resolved with: a 404 under another key proves nothing. */
  readonly appIdHmac: string;
}

export interface PersonalDataWithPins extends PersonalData {
  readonly pins: Readonly<Record<string, readonly Pin[]>>;
  readonly lookUps: Readonly<Record<string, LookUpResults>>;
}

/**
 * Where receipts are kept. The adapters hold no rules but two: a receipt is written only where none is, and replaced
 * only over the revision before it; whatever else is named in one call is written in the same transaction. Every verb
 * throws `unavailable` with the alarm `store-unavailable` when the store cannot be reached, and then nothing is
 * half done.
 */
export interface ReceiptStore {
  /** Stores a new receipt, what is kept apart, and a look-up row per subject; or gives the one that stands already. */
  accept(
    receipt: Receipt,
    readPersonalData: PersonalData,
  ): Promise<{ readonly stored: boolean; readonly receipt: Receipt }>;
  read(id: string): Promise<Receipt | undefined>;
  /** Replaces revision `next.revision - 1`; false when that is not what stands there. */
  replace(next: Receipt, also?: SideWrites): Promise<boolean>;
  /** Ids that wait in the queue and are due, oldest first. The index may lag: it only suggests. */
  due(queue: ReceiptQueue, now: number, limit: number): Promise<readonly string[]>;
  readPersonalData(id: string): Promise<PersonalDataWithPins | undefined>;
  /** Ids of the receipts of one subject, by its HMAC. */
  find(subjectHmac: string): Promise<readonly string[]>;
}

export interface SideWrites {
  readonly pins?: { readonly project: string; readonly pins: readonly Pin[] };
  /** Replace the completed look-ups of these projects; delete them where there are none any more. */
  readonly lookUps?: readonly { readonly project: string; readonly lookUps: LookUpResults | undefined }[];
  /** Delete what is kept apart, pins and look-ups included. */
  readonly deletePersonalData?: boolean;
}
