import type { Outcome } from '../../domain/erasure.ts';
import { Failure, type FailureCode } from '../../domain/failure.ts';
import { type HttpReply, jsonReply } from '../../domain/http.ts';
import type { CallbackNotice, CallbackRequest, ErasureResult } from '../platform.ts';
import type { KetchMetadata } from './request.ts';

type Words = readonly [status: string, reason: string | undefined, message: string];

/** Status.md: `completed` takes no later event; for `in_progress` a reason is left out. */
const words: Readonly<Record<Outcome['kind'], Words>> = {
  erased: ['completed', 'executed', 'The customer was deleted permanently.'],
  'no-match': ['completed', 'no_match', 'No customer matches the identities.'],
  'not-identifiable': ['completed', 'insufficient_identification', 'No identity can be looked up.'],
  refused: ['completed', 'unknown', 'The request was refused after review.'],
  'in-progress': ['in_progress', undefined, 'Deletion in progress.'],
  'needs-review': ['in_progress', undefined, 'Deletion in progress.'],
};

/** The result of the one erasure that a DeleteRequest asks for (Status.md). */
export function ketchReply(metadata: KetchMetadata, [answered]: readonly ErasureResult[]): HttpReply {
  if (answered === undefined) throw new Failure('internal', 'nothing was answered');
  const response = standing(answered.outcome, answered.receiptId);
  if (response.status === 'in_progress' && !answered.callbackFollows) return ketchErrorReply(notFinishedYet, metadata);
  return jsonReply(200, { apiVersion: 'dsr/v1', kind: 'DeleteResponse', metadata, response });
}

/** A DeleteStatusEvent to every callback, with the headers that came with it (Delete.md, Status.md). */
export function ketchCallbacks({
  reference: uid,
  scope: tenant,
  receiptId,
  outcome,
  callbacks,
}: CallbackNotice): readonly CallbackRequest[] {
  const event = standing(outcome, receiptId);
  const body = JSON.stringify({ apiVersion: 'dsr/v1', kind: 'DeleteStatusEvent', metadata: { uid, tenant }, event });
  const json = { 'Content-Type': 'application/json', Accept: 'application/json' };
  return callbacks.map(({ url, headers }) => ({
    method: 'POST',
    url,
    headers: { ...json, ...headers },
    body,
    alsoDelivered: [],
  }));
}

function standing(outcome: Outcome, requestID: string) {
  const [status, reason, resultMessage] = words[outcome.kind];
  const at = 'at' in outcome ? outcome.at : outcome.expectedAt;
  return {
    status,
    ...(reason === undefined ? {} : { reason }),
    resultMessage,
    // The text calls it optional; the vendor's Go server refuses a response without it.
    expectedCompletionTimestamp: Math.floor(at / 1000),
    requestID,
  };
}

/** Without callbacks nothing could ever complete an `in_progress`; Ketch asks again and then gets the result. */
export const notFinishedYet = new Failure('unavailable', 'not finished yet, ask again', { verified: true });

const errorWords: Readonly<Record<FailureCode, string>> = {
  invalid: 'invalid',
  unauthorized: 'forbidden',
  forbidden: 'forbidden',
  'not-found': 'not_found',
  'method-not-allowed': 'invalid',
  conflict: 'conflict',
  'too-large': 'invalid',
  'unsupported-media-type': 'invalid',
  internal: 'internal',
  unimplemented: 'unimplemented',
  unavailable: 'unavailable',
};

/** A refusal in Ketch's form (Error.md); `metadata` is left out until the caller was proved genuine. */
export function ketchErrorReply(failure: Failure, metadata: KetchMetadata | undefined): HttpReply {
  const error = { code: failure.status, status: errorWords[failure.code], message: failure.message };
  const named = metadata === undefined ? {} : { metadata };
  return jsonReply(failure.status, { apiVersion: 'dsr/v1', kind: 'Error', ...named, error }, failure.headers);
}
