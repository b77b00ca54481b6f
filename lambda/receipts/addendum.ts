import { createHash } from 'node:crypto';
import { issuer } from './evidence.ts';
import type { Addendum } from './row-schemas.ts';

export type { Addendum } from './row-schemas.ts';

/*
 * An addendum says that a customer with an identifier of an erased person appeared in Voucherify again. It is a row of its
 * own: a closed receipt and its evidence never change. It contains nothing of the customer.
 */

/** Returns the key of an addendum as one text. HMACs contain no `#`. */
export function addendumId({ receipt, event }: Pick<Addendum, 'receipt' | 'event'>): string {
  return `${receipt}#${event}`;
}

/** Returns the addendum with its signature, or `undefined` if it is signed already. */
export function storeAddendumSignature(addendum: Addendum, jws: string): Addendum | undefined {
  return addendum.jws === undefined ? { ...addendum, jws, revision: addendum.revision + 1 } : undefined;
}

/** Returns what an addendum states, bound to the signed evidence of its receipt. Times are ISO 8601 in UTC. */
export function addendumStatement(addendum: Addendum, evidence: string) {
  const { receipt, event, project, type, matched, channel, occurredAt, receivedAt } = addendum;
  return {
    ...{ iss: issuer, v: 1, receipt },
    evidenceSha256: evidenceDigest(evidence),
    ...{ what: 'reappearance', event, project, type, matched },
    ...(channel === undefined ? {} : { channel }),
    occurredAt: new Date(occurredAt).toISOString(),
    receivedAt: new Date(receivedAt).toISOString(),
  };
}

/** Returns the SHA-256 of signed evidence, a compact JWS, in base64url. */
export function evidenceDigest(evidence: string): string {
  return createHash('sha256').update(evidence).digest('base64url');
}
