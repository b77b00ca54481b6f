import { createHmac } from 'node:crypto';
import { matchAnySecret, type SharedSecret, unusableSecret } from '../../authentication/shared-secret.ts';
import type { SigningKeys } from '../../authentication/signed-body.ts';
import { type HttpRequest, singleHeader } from '../../domain/http.ts';
import type { Authentication } from '../platform.ts';
import { headerOfPlace } from './places.ts';
import type { HmacProof } from './schema.ts';
import { type Given, readSignatures, signatureForm } from './signature-header.ts';
import { templateOf } from './template.ts';
import { readTime } from './times.ts';

/** Returns which value of the secret authenticates a request, if any. `now` is in epoch milliseconds. */
export type Matcher = (request: HttpRequest, now: number) => Authentication['secret'] | undefined;

/** Returns what checks a signature of the text that settings describe. Throws `unavailable` for an unusable key. */
export function hmacMatcher(proof: HmacProof, secret: SharedSecret): Matcher {
  const [signs, form] = [templateOf(proof.signs), signatureForm(proof)];
  const keys = bothKeys(secret, proof.key);
  return (request, now) => {
    const given = form === undefined ? undefined : readSignatures(singleHeader(request, proof.header) ?? '', form);
    if (given === undefined || !isTimely(request, given, proof.timestamp, now)) return undefined;
    const parts = signs.map(part => (typeof part === 'string' ? part : signedPart(part.variable, request, given)));
    if (!parts.every(part => part !== undefined)) return undefined;
    const expected = (key: Uint8Array) => {
      const hmac = createHmac(proof.hash, key);
      for (const part of parts) hmac.update(part);
      return hmac.digest(proof.encoding);
    };
    return matchAnySecret(given.signatures, {
      current: expected(keys.current),
      ...(keys.previous === undefined ? {} : { previous: expected(keys.previous) }),
    });
  };
}

/** Returns the signed bytes of one variable, `undefined` if the request has none. */
function signedPart(variable: string, request: HttpRequest, { timestamp }: Given): string | Uint8Array | undefined {
  if (variable === 'body') return request.rawBody;
  if (variable === 'method') return request.method;
  if (variable === 'timestamp') return timestamp;
  return variable === 'url' ? request.url : headerAt(variable, request);
}

function isTimely(request: HttpRequest, given: Given, timestamp: HmacProof['timestamp'], now: number): boolean {
  if (timestamp === undefined) return true;
  const { from, unit, toleranceSeconds } = timestamp;
  const text = from === 'value' ? given.timestamp : headerAt(from, request);
  const at = readTime(text ?? '', unit);
  return at !== undefined && Math.abs(now - at) <= toleranceSeconds * 1000;
}

function headerAt(place: string, request: HttpRequest): string | undefined {
  return singleHeader(request, headerOfPlace(place) ?? '');
}

/** Fewer bytes could be guessed. A key of 24 characters of text has more. */
const minKeyBytes = 16;

function bothKeys({ current, previous }: SharedSecret, kind: HmacProof['key']): SigningKeys {
  const decode = (text: string) => {
    if (kind === 'text') return Buffer.from(text);
    const key = Buffer.from(text, kind);
    const isExact = key.toString(kind) === (kind === 'hex' ? text.toLowerCase() : text);
    if (!isExact || key.length < minKeyBytes) throw unusableSecret();
    return key;
  };
  return { current: decode(current), ...(previous === undefined ? {} : { previous: decode(previous) }) };
}
