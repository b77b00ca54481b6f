import { type SigningKeys, signedHeaders } from '../../authenticity/signed-body.ts';
import type { Deletion, Outcome } from '../../erasure.ts';
import { Failure, retryAfterSeconds } from '../../failure.ts';
import {
  type CallbackNotice,
  type CallbackRequest,
  type ErasureResult,
  type HttpReply,
  type HttpRequest,
  jsonReply,
  type ParsedRequest,
} from '../platform.ts';
import type { GenericSettings } from './settings.ts';

const words: Readonly<Record<Outcome['kind'], string>> = {
  erased: 'erased',
  'no-match': 'no_match',
  'not-identifiable': 'not_identifiable',
  refused: 'refused',
  'in-progress': 'in_progress',
  'needs-review': 'needs_review',
};

/** 200 when it is final and 202 while it is open, or what settings say instead; a question gets no other than those. */
export function genericReply(
  { method }: HttpRequest,
  reading: ParsedRequest,
  [answered]: readonly ErasureResult[],
  settings: GenericSettings,
): HttpReply {
  if ('test' in reading) return jsonReply(200, { status: 'test' });
  if (answered === undefined) throw new Failure('not-found', 'path: no such request');
  const { whileOpen, whenUnable } = method === 'GET' ? question : settings;
  const body = standing(answered);
  if ('deletions' in answered.outcome) return jsonReply(isUnable(answered.outcome) ? whenUnable : 200, body);
  return jsonReply(whileOpen, body, { 'Retry-After': String(retryAfterSeconds) });
}

/** How it stands, to the one address that came with the request, signed as Standard Webhooks signs. */
export function genericCallbacks(told: CallbackNotice, keys: SigningKeys, now: number): readonly CallbackRequest[] {
  const body = JSON.stringify(standing(told));
  const signed = signedHeaders(`${told.receiptId}:${words[told.outcome.kind]}`, body, keys, now);
  const headers = { 'Content-Type': 'application/json', ...signed };
  return told.callbacks.map(({ url }) => ({ method: 'POST', url, headers, body, alsoDelivered: [] }));
}

const question = { whileOpen: 202, whenUnable: 200 } as const;

function isUnable({ kind }: Outcome): boolean {
  return kind === 'not-identifiable' || kind === 'refused';
}

function standing({ reference, receiptId, outcome }: Pick<ErasureResult, 'reference' | 'receiptId' | 'outcome'>) {
  const open = { request_id: reference, receipt_id: receiptId, status: words[outcome.kind] };
  if (!('deletions' in outcome)) return { ...open, deletions: [] };
  return { ...open, deletions: outcome.deletions.map(shown), completed_at: new Date(outcome.at).toISOString() };
}

/** As Voucherify answered it; a customer that was gone when we came back to it has no such answer. */
function shown({ project, proof, received }: Deletion) {
  return received === undefined ? { project, proof } : { project, ...received };
}
