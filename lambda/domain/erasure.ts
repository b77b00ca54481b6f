import type { Identifier } from './identifiers.ts';

// The domain model. All times are in epoch milliseconds.

/** One identity exactly as the platform sent it, mapped or not. Used only to compare two payloads. */
export interface Identity {
  readonly space: string;
  readonly format: string;
  readonly value: string;
}

/** A callback URL of the platform, and the headers to send there, credentials included. */
export interface CallbackTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Values of the request that the callback holds, by name. */
  readonly values?: Readonly<Record<string, string | number | boolean>>;
}

/** The request of a platform, in the terms of this service. */
export interface ErasureRequest {
  /** The platform's id of the request. Together with `scope` it is the idempotency key. */
  readonly reference: string;
  /** The tenant, shop or audience in which `reference` is unique; empty if the platform has none. */
  readonly scope: string;
  /** The platform's id of this delivery. It is not signed, so it only distinguishes two deliveries. */
  readonly deliveryId?: string;
  readonly identities: readonly Identity[];
  /** The mapped identities. Values may be unusable, see `isUsable` in identifiers.ts. */
  readonly identifiers: readonly Identifier[];
  readonly submittedAt?: number;
  readonly dueAt?: number;
  readonly callbacks: readonly CallbackTarget[];
}

/** A customer found by a look-up, with the fields that the created-after guard and the pin need. */
export interface Candidate {
  readonly id: string;
  /** Whether Voucherify returned this customer. One that it did not return may have been soft-deleted. */
  readonly seen: boolean;
  /** As Voucherify sent it. */
  readonly createdAt?: string;
  /** The HMACs of its source_id and e-mail address, by which a legal hold finds it. */
  readonly subjectHmacs?: readonly string[];
}

/** A completed look-up: all pages of one identifier in one spelling. */
export interface LookUpResult {
  /** The index of the identifier in the stored personal data. */
  readonly identifier: number;
  readonly spelling: string;
  /** False if the value cannot be looked up as this kind of identifier. */
  readonly identifiable: boolean;
  readonly candidates: readonly Candidate[];
  /** Number of customers that were found but created after the request; absent if there are none. */
  readonly createdLater?: number;
  /** Why Voucherify refused this look-up, as a code: then there are no candidates. */
  readonly refused?: string;
}

/** The completed look-ups of one project, stored until its pins are written. */
export interface LookUpResults {
  /** The HMAC of the app id they were made with. They are not valid for another app id. */
  readonly appIdHmac: string;
  readonly results: readonly LookUpResult[];
}

/** Voucherify's response to a permanent deletion. The receipt stores it without `related_object_id`. */
export interface ReceivedDeletion {
  readonly id?: string;
  readonly created_at?: string;
  readonly related_object_id?: string;
  readonly related_object?: string;
  readonly status: string;
  readonly data_json: Readonly<Record<string, number>>;
  readonly object?: string;
}

/** One pinned customer with proof of deletion: `deleted` by our call, or found to be `gone` on a later attempt. */
export interface Deletion {
  readonly project: string;
  /** The index of the pin in its project. The receipt does not contain the customer's id. */
  readonly pin: number;
  readonly proof: 'deleted' | 'gone';
  readonly at: number;
  readonly received?: ReceivedDeletion;
}

export type FinalKind = 'erased' | UnmatchedKind | 'refused';

/**
 * Why nothing was deleted: no customer was found; an identifier could not be looked up; or every customer found was created
 * after the request.
 */
export type UnmatchedKind = 'no-match' | 'not-identifiable' | 'created-later';

/** The outcome of an erasure request. The first form is final and never changes; the second is not final. */
export type Outcome =
  | { readonly kind: FinalKind; readonly at: number; readonly deletions: readonly Deletion[] }
  | { readonly kind: 'in-progress' | 'needs-review'; readonly expectedAt: number };
