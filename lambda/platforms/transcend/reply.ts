import type { Outcome } from '../../erasure.ts';
import {
  type CallbackNotice,
  type CallbackRequest,
  type ErasureResult,
  emptyReply,
  type HttpReply,
  type ParsedRequest,
} from '../platform.ts';
import type { SombraHeaders } from './signing-key.ts';

/** 204: there is no such person, and the job is over; 200: taken, a completion will follow. The body is not read. */
export function transcendReply(reading: ParsedRequest, [answered]: readonly ErasureResult[]): HttpReply {
  const isOver = 'test' in reading || answered?.outcome.kind === 'no-match';
  return emptyReply(isOver ? 204 : 200);
}

interface Completion {
  readonly status?: 'SKIPPED' | 'ACTION_REQUIRED';
  readonly message?: string;
}

const asksSomebody = (message: string) => ({ status: 'ACTION_REQUIRED', message }) as const;

/** API reference, "PUT /v1/data-silo": an empty body completes the identifier. What goes on is not told. */
const completions: Readonly<Record<Outcome['kind'], Completion | undefined>> = {
  erased: {},
  'no-match': { status: 'SKIPPED' },
  'not-identifiable': asksSomebody('No identifier of this request can be looked up in Voucherify.'),
  refused: asksSomebody('The erasure was refused after review.'),
  'needs-review': asksSomebody('The erasure waits for an operator.'),
  'in-progress': undefined,
};

/** The completion, with the nonce that came with the call; 409 says that the request is closed already. */
export function transcendCallbacks(
  { outcome, callbacks }: CallbackNotice,
  credentials: SombraHeaders,
): readonly CallbackRequest[] {
  const completion = completions[outcome.kind];
  if (completion === undefined) return [];
  const json = { 'content-type': 'application/json', accept: 'application/json' };
  return callbacks.map(({ url, headers: nonce }) => ({
    method: 'PUT',
    url,
    headers: { ...credentials, ...nonce, ...json },
    body: JSON.stringify(completion),
    alsoDelivered: [409],
  }));
}
