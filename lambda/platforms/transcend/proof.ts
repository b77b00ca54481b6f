import * as v from 'valibot';
import { matchSecret, outboundKey, parseSecret, sharedSecret } from '../../authenticity/shared-secret.ts';
import { es384Payload, isTokenValidNow } from '../../authenticity/signed-token.ts';
import { Failure, failureOf } from '../../failure.ts';
import { type Authentication, type HttpRequest, singleHeader, type VerifyContext } from '../platform.ts';
import { coreIdentifierOf, type TranscendSettings } from './request.ts';
import type { SigningKey, SombraHeaders } from './signing-key.ts';

const schema = v.object({
  ...sharedSecret.entries,
  /** The API key that is tied to this integration. */
  apiKey: outboundKey,
  /** The internal key of a Sombra that you host yourself. */
  sombraApiKey: v.exactOptional(outboundKey),
});

/** Reads the secret. Throws what {@link parseSecret} throws. */
export function transcendSecret(text: string): v.InferOutput<typeof schema> {
  return parseSecret(schema, text);
}

/** A token may be as old as Transcend's retries last, five hours, with room to spare; clocks differ by minutes. */
const oldestMs = 86_400_000;
const aheadMs = 300_000;

/**
 * The token covers one value and not the body, so whoever calls must know the secret header too, and the body must name
 * that value. The secret comes first: without it nobody makes us fetch a key. Source: Transcend docs, "Receiving a
 * webhook from Transcend".
 */
export async function verifyTranscend(
  request: HttpRequest,
  means: VerifyContext,
  settings: TranscendSettings,
  signingKey: SigningKey,
): Promise<Authentication> {
  const text = await means.secret();
  const given = singleHeader(request, settings.header) ?? '';
  const secret = matchSecret(given, transcendSecret(text));
  if (secret === undefined) throw new Failure('unauthorized', `${settings.header}: does not match`);
  const token = singleHeader(request, 'x-sombra-token') ?? '';
  const payload = await signedPayload(token, renewed => signingKey(means, sombraHeaders(text), renewed));
  const expected = { audience: settings.audience, now: means.now(), oldestMs, aheadMs };
  if (!v.is(claims, payload) || !isTokenValidNow(payload, expected)) {
    throw new Failure('unauthorized', 'x-sombra-token: is not one for this request');
  }
  if (payload.value !== readAfterProof(() => coreIdentifierOf(request))) {
    throw new Failure('unauthorized', 'coreIdentifier.value: is not the one of the token');
  }
  return { scheme: 'es384-token+shared-secret', secret };
}

/** Secret and token prove the caller, even where the body cannot be read. */
function readAfterProof<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw failureOf(error).afterVerification();
  }
}

/** What we show Sombra. */
export function sombraHeaders(text: string): SombraHeaders {
  const { apiKey, sombraApiKey } = transcendSecret(text);
  const own = sombraApiKey === undefined ? {} : { 'x-sombra-authorization': `Bearer ${sombraApiKey}` };
  return { authorization: `Bearer ${apiKey}`, ...own };
}

/** A key that does not fit may be the one before a rotation. */
async function signedPayload(token: string, key: (renewed: boolean) => ReturnType<SigningKey>): Promise<unknown> {
  return es384Payload(token, await key(false)) ?? es384Payload(token, await key(true));
}

const claims = v.object({ scope: v.literal('coreIdentifier'), value: v.string() });
