import { createHmac } from 'node:crypto';
import { canonicalEmail } from '../email.ts';
import type { Identifier, Identity } from '../erasure.ts';
import { Failure } from '../failure.ts';

/** Keyed pseudonyms: receipts are found and compared by these and hold no personal data in clear. */
export interface Pseudonymizer {
  receipt(platform: string, scope: string, reference: string): string;
  /** Over the identities as sent, in any order: the same request id with another payload is a conflict. */
  payload(identities: readonly Identity[]): string;
  /** Over the canonical form of an e-mail address, so that a person is found in any spelling; else over the exact value. */
  subject(identifier: Identifier): string;
  appId(appId: string): string;
  /** Over the id of one delivery of a request. */
  delivery(platform: string, deliveryId: string): string;
}

/** Shortest pepper that is accepted: 32 random bytes in base64url. */
export const minPepperLength = 43;

/** Throws `unavailable` for a pepper that is too short to be one. */
export function createPseudonymizer(pepper: string): Pseudonymizer {
  if (pepper.length < minPepperLength) {
    throw new Failure('unavailable', 'the pepper is not usable', { alarm: 'pepper-unusable' });
  }
  const mac = (...services: readonly unknown[]) =>
    createHmac('sha256', pepper).update(JSON.stringify(services)).digest('base64url');
  return {
    receipt: (platform, scope, reference) => mac('receipt', platform, scope, reference),
    payload: identities => mac('payload', identities.map(asText).toSorted()),
    subject: ({ kind, value }) => mac('subject', kind, kind === 'email' ? (canonicalEmail(value) ?? value) : value),
    appId: appId => mac('app-id', appId),
    delivery: (platform, deliveryId) => mac('delivery', platform, deliveryId),
  };
}

function asText({ space, format, value }: Identity): string {
  return JSON.stringify([space, format, value]);
}
