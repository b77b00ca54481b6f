import { createHash, type KeyObject } from 'node:crypto';
import * as v from 'valibot';
import { matchSecret, outboundKey, parseSecret, sharedSecret } from '../authentication/shared-secret.ts';
import { es384Key, es384Payload, isTokenValidNow } from '../authentication/signed-token.ts';
import type { ErasureRequest, Outcome } from '../domain/erasure.ts';
import { Failure, failureOf } from '../domain/failure.ts';
import { emptyReply, type HttpRequest, rejectCompressed, singleHeader } from '../domain/http.ts';
import { parseStrictJson } from '../io/json.ts';
import {
  type Authentication,
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
  type VerifyContext,
} from './platform.ts';

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

/** The settings that verification needs. */
interface TokenSettings {
  readonly header: string;
  readonly audience: string;
  readonly sombraUrl: string;
  readonly publicKey?: string;
}

const secretSchema = v.object({
  ...sharedSecret.entries,
  /** The API key of this integration. */
  apiKey: outboundKey,
  /** The internal key of a self-hosted Sombra. */
  sombraApiKey: v.exactOptional(outboundKey),
});

/** Reads the secret. Throws what {@link parseSecret} throws. */
function transcendSecret(text: string): v.InferOutput<typeof secretSchema> {
  return parseSecret(secretSchema, text);
}

/** The credentials for Sombra, as headers. */
type SombraHeaders = Readonly<Record<string, string>>;

/** Returns the credentials for Sombra. Throws what {@link parseSecret} throws. */
function sombraHeaders(text: string): SombraHeaders {
  const { apiKey, sombraApiKey } = transcendSecret(text);
  const own = sombraApiKey === undefined ? {} : { 'x-sombra-authorization': `Bearer ${sombraApiKey}` };
  return { authorization: `Bearer ${apiKey}`, ...own };
}

/** Maximum age of a token, longer than the five hours of Transcend's retries, and the tolerance for a fast clock. */
const oldestMs = 86_400_000;
const aheadMs = 300_000;

const claims = v.object({ scope: v.literal('coreIdentifier'), value: v.string() });
const signedValue = v.object({ coreIdentifier: v.object({ value: v.string() }) });

/**
 * Verifies the secret header and the token. The token covers one value and not the body, so the body must contain that
 * value. The secret is verified first: without it, no caller can trigger a key request. Source: Transcend docs,
 * "Receiving a webhook from Transcend".
 */
async function verifyTranscend(
  request: HttpRequest,
  context: VerifyContext,
  settings: TokenSettings,
  key: SigningKey,
): Promise<Authentication> {
  const text = await context.secret();
  const secret = matchSecret(singleHeader(request, settings.header) ?? '', transcendSecret(text));
  if (secret === undefined) throw new Failure('unauthorized', `${settings.header}: does not match`);
  const token = singleHeader(request, 'x-sombra-token') ?? '';
  const headers = sombraHeaders(text);
  // A key that does not match may be the one before a rotation.
  const payload =
    es384Payload(token, await key(context, headers, false)) ?? es384Payload(token, await key(context, headers, true));
  const expected = { audience: settings.audience, now: context.now(), oldestMs, aheadMs };
  if (!v.is(claims, payload) || !isTokenValidNow(payload, expected)) {
    throw new Failure('unauthorized', 'x-sombra-token: is not valid for this request');
  }
  if (payload.value !== signedValueOf(request)) {
    throw new Failure('unauthorized', 'coreIdentifier.value: is not the one of the token');
  }
  return { scheme: 'es384-token+shared-secret', secret };
}

/** Secret and token authenticate the caller, even if the body cannot be read. */
function signedValueOf(request: HttpRequest): string {
  try {
    rejectCompressed(request);
    const body = parseStrictJson(request.rawBody);
    return parseBody(signedValue, body, 'new-privacy-request-job').coreIdentifier.value;
  } catch (error) {
    throw failureOf(error).markVerified();
  }
}

/** Returns Sombra's public key. `renewed` requests a newer one than the last. Throws `unavailable`. */
type SigningKey = (context: VerifyContext, headers: SombraHeaders, renewed: boolean) => Promise<KeyObject>;

/** How long a key is used before it is fetched again, as Transcend advises, and how long if that fails. */
const cacheMs = 3_600_000;
const staleMs = 86_400_000;

/** Minimum time between two fetches, and the timeout of one. */
const coolDownMs = 60_000;
const fetchMs = 2000;

/**
 * Returns the key that settings pin, or a function that fetches Sombra's key and caches it in this process. Source:
 * Transcend docs, API reference, "GET /public-keys/sombra-general-signing-key".
 */
function signingKey({ publicKey, sombraUrl }: TokenSettings): SigningKey {
  const pinned = publicKey === undefined ? undefined : es384Key(publicKey);
  if (pinned !== undefined) return async () => pinned;
  let cached: { readonly key: KeyObject; readonly at: number } | undefined;
  let failure = keyUnavailable;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;
  const fetchIntoCache = async (context: VerifyContext, headers: SombraHeaders) => {
    const at = context.now();
    const fetched = await fetchKey(sombraUrl, context, headers);
    if (fetched instanceof Failure) failure = fetched;
    else cached = { key: fetched, at };
  };
  return async (context, headers, renewed) => {
    const now = context.now();
    const isOld = cached === undefined || now - cached.at >= (renewed ? coolDownMs : cacheMs);
    if (isOld && now - triedAt >= coolDownMs) {
      triedAt = now;
      fetching = fetchIntoCache(context, headers);
    }
    // Concurrent requests wait for the same fetch.
    await fetching;
    if (cached !== undefined && now - cached.at < staleMs) return cached.key;
    throw failure;
  };
}

const keyUnavailable = new Failure('unavailable', "Sombra's public key is unavailable");
const keyRefused = new Failure('unavailable', 'Sombra rejects the API key', { alarm: 'secret-unusable' });

async function fetchKey(
  sombraUrl: string,
  { send, now }: VerifyContext,
  headers: SombraHeaders,
): Promise<KeyObject | Failure> {
  const url = new URL('/public-keys/sombra-general-signing-key', sombraUrl);
  const until = now() + fetchMs;
  const result = await send({ method: 'GET', url, headers: { ...headers, accept: 'text/plain' }, until });
  if (result.kind !== 'response') return keyUnavailable;
  if (result.status === 401 || result.status === 403) return keyRefused;
  return (result.status === 200 ? es384Key(result.body) : undefined) ?? keyUnavailable;
}
