import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { es384Key } from '../../authentication/signed-token.ts';
import type { ErasureRequest, Outcome } from '../../domain/erasure.ts';
import { Failure } from '../../domain/failure.ts';
import { emptyReply, type HttpRequest, singleHeader } from '../../domain/http.ts';
import { parseStrictJson } from '../../io/json.ts';
import {
  type CallbackNotice,
  type CallbackRequest,
  commonSettings,
  headerName,
  identityKinds,
  isOrigin,
  mapIdentities,
  type ParsedRequest,
  type Platform,
  parseBody,
  parseTime,
  textOrInteger,
} from '../platform.ts';
import { type SombraHeaders, signingKey, sombraHeaders, transcendSecret, verifyTranscend } from './verify.ts';

/** Settings of Transcend. */
export const transcendSettings = v.strictObject({
  projects: commonSettings.projects,
  delaySeconds: commonSettings.delaySeconds,
  /** The organization's URI, the audience of Sombra's tokens. */
  audience: v.pipe(v.string(), v.nonEmpty('must not be empty')),
  sombraUrl: v.pipe(
    v.string(),
    v.check(isOrigin, 'must be an origin such as https://multi-tenant.sombra.transcend.io'),
  ),
  header: v.optional(headerName, 'x-webhook-secret'),
  /** Maps the names of Transcend's identifier types, and `coreIdentifier`, to kinds of identifiers. */
  identities: identityKinds,
  /** Sombra's public signing key, if it is pinned and not fetched. */
  publicKey: v.exactOptional(
    v.pipe(
      v.string(),
      v.check(pem => es384Key(pem) !== undefined, 'must be the PEM text of a P-384 public key'),
    ),
  ),
});
export type TranscendSettings = v.InferOutput<typeof transcendSettings>;

/**
 * Creates the Transcend platform. Source: docs.transcend.io, API reference ("New privacy request job", "PUT
 * /v1/data-silo", "GET /public-keys/sombra-general-signing-key") and "Receiving a webhook from Transcend".
 */
export function transcend(settings: TranscendSettings): Platform {
  const key = signingKey(settings);
  return {
    responseMode: 'result',
    callbackOrigins: [settings.sombraUrl],
    projects: settings.projects,
    // The reply says only whether the job is over.
    callbackOnlyOutcomes: ['erased', 'not-identifiable', 'refused'],
    sweepNeedsSecret: true,
    checkSecret: transcendSecret,
    verify: (request, context) => verifyTranscend(request, context, settings, key),
    parse: request => parse(request, settings),
    buildCallbacks: async (notice, { secret }) => buildCallbacks(notice, sombraHeaders(await secret())),
  };
}

const contract = 'new-privacy-request-job';

const envelope = v.object({ type: v.string(), isTest: v.nullish(v.boolean()) });
const text = v.pipe(v.string(), v.minLength(1), v.maxLength(512));
const job = v.object({
  coreIdentifier: v.object({ value: v.string() }),
  extras: v.object({
    profile: v.object({ identifier: textOrInteger, type: text }),
    request: v.object({ id: text, createdAt: v.optional(v.unknown()) }),
  }),
});

/** Status 204 ends the job, because no such person exists; 200 means that a completion will follow. The body is not read. */
function parse(request: HttpRequest, settings: TranscendSettings): ParsedRequest {
  const body = parseStrictJson(request.rawBody);
  const { type, isTest } = parseBody(envelope, body, contract);
  // Transcend tests the connection with an access request.
  if (type === 'ACCESS' && isTest === true) return { ignore: 'access-test', reply: () => emptyReply(200) };
  if (type !== 'ERASURE') throw new Failure('invalid', 'type: only ERASURE is supported');
  if (isTest === true) return { test: true, reply: () => emptyReply(204) };
  const nonce = singleHeader(request, 'x-transcend-nonce');
  if (nonce === undefined) throw new Failure('invalid', 'x-transcend-nonce: is missing');
  const erasure = erasureOf(parseBody(job, body, contract), nonce, settings);
  return {
    erase: [erasure],
    reply: ([result]) => emptyReply(isWithoutData(result?.outcome) ? 204 : 200),
  };
}

/** "No data found" is 204 ("Receiving a webhook from Transcend"). */
function isWithoutData(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'no-match' || outcome?.kind === 'created-later';
}

/** One call has one identifier of a request. Each gets its own reply, and its own completion by the nonce. */
function erasureOf(
  { coreIdentifier, extras: { profile, request } }: v.InferOutput<typeof job>,
  nonce: string,
  { audience, sombraUrl, identities: kinds }: TranscendSettings,
): ErasureRequest {
  const own = { space: profile.type, format: 'raw', value: profile.identifier };
  const signed = { space: 'coreIdentifier', format: 'raw', value: coreIdentifier.value };
  const identities = own.space === signed.space && own.value === signed.value ? [signed] : [own, signed];
  const submittedAt = parseTime(request.createdAt);
  return {
    reference: `${request.id}:${profile.type}:${createHash('sha256').update(profile.identifier).digest('hex')}`,
    scope: audience,
    identities,
    identifiers: mapIdentities(identities, kinds),
    callbacks: [{ url: `${sombraUrl}/v1/data-silo`, headers: { 'x-transcend-nonce': nonce } }],
    ...(submittedAt === undefined ? {} : { submittedAt }),
  };
}

interface Completion {
  readonly status?: 'SKIPPED' | 'ACTION_REQUIRED';
  readonly message?: string;
}

/** API reference, "PUT /v1/data-silo": an empty body completes the identifier. An open erasure sends nothing. */
const completions: Readonly<Record<Outcome['kind'], Completion | undefined>> = {
  erased: {},
  'no-match': { status: 'SKIPPED' },
  'created-later': { status: 'SKIPPED', message: 'Every matching customer was created after the request.' },
  'not-identifiable': {
    status: 'ACTION_REQUIRED',
    message: 'No identifier of this request can be looked up in Voucherify.',
  },
  refused: { status: 'ACTION_REQUIRED', message: 'The erasure was refused after review.' },
  'needs-review': { status: 'ACTION_REQUIRED', message: 'The erasure needs review by an operator.' },
  'in-progress': undefined,
};

/** Builds the completion, with the nonce that came with the call. 409 means that the request is already closed. */
function buildCallbacks({ outcome, callbacks }: CallbackNotice, credentials: SombraHeaders): CallbackRequest[] {
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
