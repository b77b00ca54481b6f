import { createHmac } from 'node:crypto';
import type { Identity } from '../domain/erasure.ts';
import { Failure } from '../domain/failure.ts';
import type { Identifier } from '../domain/identifiers.ts';
import { canonicalEmail } from '../domain/identifiers.ts';
import { pepperName } from '../domain/names.ts';
import type { ReadSecret } from '../io/secret-cache.ts';

/** Computes keyed pseudonyms, by which receipts are found and compared without personal data in clear. */
export interface Pseudonymizer {
  receipt(platform: string, scope: string, reference: string): string;
  /** Covers the identities as sent, in any order: the same request id with another payload is a conflict. */
  payload(identities: readonly Identity[]): string;
  /** Covers the canonical form of an e-mail address, so that any spelling matches; otherwise the exact value. */
  subject(identifier: Identifier): string;
  appId(appId: string): string;
  /** Covers the id of one delivery of a request. */
  delivery(platform: string, deliveryId: string): string;
  /** Covers the id of an event of a project, or of the customer whom it concerns. */
  event(project: string, id: string): string;
}

/** Minimum length of the pepper: 32 random bytes in base64url. */
export const minPepperLength = 43;

/**
 * Returns a function that reads the pepper and creates a pseudonymizer with it. It throws `unavailable` if the pepper is
 * unavailable or too short.
 */
export function pseudonymizerFrom(readSecret: ReadSecret): () => Promise<Pseudonymizer> {
  return async () => createPseudonymizer(await readSecret(pepperName));
}

/** Throws `unavailable` if the pepper is too short. */
export function createPseudonymizer(pepper: string): Pseudonymizer {
  if (pepper.length < minPepperLength) {
    throw new Failure('unavailable', 'the pepper is not usable', { alarm: 'pepper-unusable' });
  }
  const hmac = (...parts: readonly unknown[]) =>
    createHmac('sha256', pepper).update(JSON.stringify(parts)).digest('base64url');
  return {
    receipt: (platform, scope, reference) => hmac('receipt', platform, scope, reference),
    payload: identities =>
      hmac('payload', identities.map(({ space, format, value }) => JSON.stringify([space, format, value])).toSorted()),
    subject: ({ kind, value }) => hmac('subject', kind, kind === 'email' ? (canonicalEmail(value) ?? value) : value),
    appId: appId => hmac('app-id', appId),
    delivery: (platform, deliveryId) => hmac('delivery', platform, deliveryId),
    event: (project, id) => hmac('event', project, id),
  };
}
