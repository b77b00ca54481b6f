import { canonicalEmail, maxIdentifierLength } from './email.ts';

/** The words of this service. Imports nothing but the form of an e-mail address. All times are epoch milliseconds. */

export type IdentifierKind = 'customer_id' | 'source_id' | 'email' | 'phone';

/** What a person is known by in Voucherify. A hash is never a value: where one counts, the value is empty. */
export interface Identifier {
  readonly kind: IdentifierKind;
  readonly value: string;
}

/** One identity exactly as the platform sent it, mapped or not; only for telling two payloads apart. */
export interface Identity {
  readonly space: string;
  readonly format: string;
  readonly value: string;
}

/** Where the platform wants to hear of the end, and the headers (credentials among them) it wants to see there. */
export interface CallbackTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a platform asks, translated. */
export interface ErasureRequest {
  /** The platform's own id of the request; with `scope` it is the idempotency key. */
  readonly reference: string;
  /** The tenant, shop or audience within which `reference` is unique; empty where the platform has none. */
  readonly scope: string;
  /** The platform's id of this one delivery; nothing signs it, so it only tells two deliveries apart. */
  readonly deliveryId?: string;
  readonly identities: readonly Identity[];
  /** The mapped identities; may hold unusable values, see {@link isUsable}. */
  readonly identifiers: readonly Identifier[];
  readonly submittedAt?: number;
  readonly dueAt?: number;
  readonly callbacks: readonly CallbackTarget[];
}

/** A customer that a look-up found: what the created-after guard and the pin need to know. */
export interface Candidate {
  readonly id: string;
  /** Whether Voucherify showed this customer; an unseen one may have been deleted softly. */
  readonly seen: boolean;
  /** As Voucherify wrote it; absent where it is missing. */
  readonly createdAt?: string;
}

/** A look-up that was completed: one identifier in one spelling, all its pages. */
export interface LookUpResult {
  /** Index of the identifier among those that are kept. */
  readonly identifier: number;
  readonly spelling: string;
  /** False where the value cannot be looked up as what it is. */
  readonly identifiable: boolean;
  readonly candidates: readonly Candidate[];
}

/** The completed look-ups of one project, kept until its pins are written. */
export interface LookUpResults {
  /** HMAC of the app id that all of them were made with: under another one they prove nothing. */
  readonly appIdHmac: string;
  readonly results: readonly LookUpResult[];
}

/** The object Voucherify answers a permanent deletion with; a receipt keeps it without `related_object_id`. */
export interface ReceivedDeletion {
  readonly id?: string;
  readonly created_at?: string;
  readonly related_object_id?: string;
  readonly related_object?: string;
  readonly status: string;
  readonly data_json: Readonly<Record<string, number>>;
  readonly object?: string;
}

/** One pinned customer that is proved to be gone: `deleted` by our call, or `gone` when we came back to it. */
export interface Deletion {
  readonly project: string;
  /** Index of the pin within its project: the receipt does not hold the customer's id. */
  readonly pin: number;
  readonly proof: 'deleted' | 'gone';
  readonly at: number;
  readonly received?: ReceivedDeletion;
}

export type FinalKind = 'erased' | 'no-match' | 'not-identifiable' | 'refused';

/** How an erasure request stands. The first is final and never changes; the second is not. */
export type Outcome =
  | { readonly kind: FinalKind; readonly at: number; readonly deletions: readonly Deletion[] }
  | { readonly kind: 'in-progress' | 'needs-review'; readonly expectedAt: number };

export { maxIdentifierLength };

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]/u;

/** Voucherify OpenAPI, loyalties v2: the pattern of a customer's id. Its length may change, its shape may not. */
const customerId = /^cust_[A-Za-z0-9]+$/;

/** Whether a value may stand in a URL: blank, dot, control, ill-formed and over-long values never do. */
export function isPlainValue(value: string): boolean {
  if (value.trim() === '' || value === '.' || value === '..') return false;
  return value.length <= maxIdentifierLength && value.isWellFormed() && !controlCharacters.test(value);
}

/** Whether a value can only be a customer's id, as far as its shape goes: a pin is nothing else. */
export function isCustomerId(value: string): boolean {
  return customerId.test(value) && isPlainValue(value);
}

/** Whether an identifier may be looked up. Voucherify cannot look up a phone number. */
export function isUsable({ kind, value }: Identifier): boolean {
  if (kind === 'phone') return false;
  if (kind === 'email') return canonicalEmail(value) !== undefined;
  return kind === 'customer_id' ? isCustomerId(value) : isPlainValue(value);
}
