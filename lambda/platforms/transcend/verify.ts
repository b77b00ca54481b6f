import type { KeyObject } from 'node:crypto';
import * as v from 'valibot';
import { matchSecret, outboundKey, parseSecret, sharedSecret } from '../../authentication/shared-secret.ts';
import { es384Key, es384Payload, isTokenValidNow } from '../../authentication/signed-token.ts';
import { Failure, failureOf } from '../../domain/failure.ts';
import { type HttpRequest, rejectCompressed, singleHeader } from '../../domain/http.ts';
import { parseStrictJson } from '../../io/json.ts';
import { type Authentication, parseBody, type VerifyContext } from '../platform.ts';

/** The settings that verification needs. */
export interface TokenSettings {
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
export function transcendSecret(text: string): v.InferOutput<typeof secretSchema> {
  return parseSecret(secretSchema, text);
}

/** The credentials for Sombra, as headers. */
export type SombraHeaders = Readonly<Record<string, string>>;

/** Returns the credentials for Sombra. Throws what {@link parseSecret} throws. */
export function sombraHeaders(text: string): SombraHeaders {
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
export async function verifyTranscend(
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
export type SigningKey = (context: VerifyContext, headers: SombraHeaders, renewed: boolean) => Promise<KeyObject>;

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
export function signingKey({ publicKey, sombraUrl }: TokenSettings): SigningKey {
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
  if (result.kind !== 'answer') return keyUnavailable;
  if (result.status === 401 || result.status === 403) return keyRefused;
  return (result.status === 200 ? es384Key(result.body) : undefined) ?? keyUnavailable;
}
