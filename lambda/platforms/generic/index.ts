import { type SigningKeys, signedHeaders } from '../../authentication/signed-body.ts';
import type { Deletion, Outcome } from '../../domain/erasure.ts';
import { Failure, retryAfterSeconds } from '../../domain/failure.ts';
import { type HttpReply, jsonReply } from '../../domain/http.ts';
import {
  type CallbackNotice,
  type CallbackRequest,
  type ErasureResult,
  type Platform,
  plainErrorReply,
} from '../platform.ts';
import { type GenericSettings, parseGenericRequest } from './request.ts';
import { callbackKeys, checkGenericSecret, verifyGeneric } from './verify.ts';

/**
 * Creates a platform that settings describe. Source: docs/platforms/generic.md, Standard Webhooks 1.0, RFC 7617 and
 * RFC 6901.
 */
export function generic(settings: GenericSettings): Platform {
  return {
    responseMode: 'result',
    callbackOrigins: settings.callbackOrigins,
    projects: settings.projects,
    hasStatusRoute: true,
    callbacksNeedSecret: true,
    checkSecret: text => checkGenericSecret(text, settings),
    verify: (request, context) => verifyGeneric(request, context, settings),
    parse: request => {
      const parsed = parseGenericRequest(request, settings);
      if ('test' in parsed) return { ...parsed, reply: () => jsonReply(200, { status: 'test' }) };
      const statuses = 'status' in parsed ? statusRoute : settings;
      return { ...parsed, reply: ([result]) => resultReply(result, statuses) };
    },
    errorReply: (_, failure) => plainErrorReply(failure),
    buildCallbacks: async (notice, { secret, now }) =>
      buildCallbacks(notice, callbackKeys(await secret(), settings), now()),
  };
}

const words: Readonly<Record<Outcome['kind'], string>> = {
  erased: 'erased',
  'no-match': 'no_match',
  'not-identifiable': 'not_identifiable',
  'created-later': 'created_later',
  refused: 'refused',
  'in-progress': 'in_progress',
  'needs-review': 'needs_review',
};

/** The statuses of the status route. */
const statusRoute = { whileOpen: 202, whenUnable: 200 } as const;

/** Returns 200 if the result is final and 202 if not, unless settings name other statuses. */
function resultReply(
  result: ErasureResult | undefined,
  { whileOpen, whenUnable }: Pick<GenericSettings, 'whileOpen' | 'whenUnable'>,
): HttpReply {
  if (result === undefined) throw new Failure('internal', 'there is no result');
  const { outcome } = result;
  if (!('deletions' in outcome)) {
    return jsonReply(whileOpen, resultBody(result), { 'Retry-After': String(retryAfterSeconds) });
  }
  const isUnable = outcome.kind === 'not-identifiable' || outcome.kind === 'refused';
  return jsonReply(isUnable ? whenUnable : 200, resultBody(result));
}

/** Builds the callback to the address that came with the request, signed by Standard Webhooks. */
function buildCallbacks(notice: CallbackNotice, keys: SigningKeys, now: number): readonly CallbackRequest[] {
  const body = JSON.stringify(resultBody(notice));
  const signature = signedHeaders(`${notice.receiptId}:${words[notice.outcome.kind]}`, body, keys, now);
  const headers = { 'Content-Type': 'application/json', ...signature };
  return notice.callbacks.map(({ url }) => ({ method: 'POST', url, headers, body, alsoDelivered: [] }));
}

function resultBody({ reference, receiptId, outcome }: Pick<ErasureResult, 'reference' | 'receiptId' | 'outcome'>) {
  const open = { request_id: reference, receipt_id: receiptId, status: words[outcome.kind] };
  if (!('deletions' in outcome)) return { ...open, deletions: [] };
  const deletions = outcome.deletions.map(deletionBody);
  return { ...open, deletions, completed_at: new Date(outcome.at).toISOString() };
}

/** As Voucherify returned it. A customer that was already gone has no such response. */
function deletionBody({ project, proof, received }: Deletion) {
  return received === undefined ? { project, proof } : { project, ...received };
}
