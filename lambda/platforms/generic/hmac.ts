import { bothOf, matchAnySecret, type SharedSecret, unusableSecret } from '../../authentication/shared-secret.ts';
import { bodySignature } from '../../authentication/signed-body.ts';
import { type HttpRequest, singleHeader } from '../../domain/http.ts';
import type { Authentication } from '../platform.ts';
import { headerOfPlace } from './places.ts';
import type { HmacProof } from './schema.ts';
import { readSignatures, signatureForm } from './signature-header.ts';
import { templateOf } from './template.ts';
import { readTime } from './times.ts';

/** Returns which value of the secret authenticates a request, if any. `now` is in epoch milliseconds. */
export type Matcher = (request: HttpRequest, now: number) => Authentication['secret'] | undefined;

/** Returns what checks a signature with a secret. That throws `unavailable` for an unusable key. */
export function compileHmac(proof: HmacProof): (secret: SharedSecret) => Matcher {
  const [signs, form] = [templateOf(proof.signs), signatureForm(proof)];
  return secret => {
    const keys = bothOf(secret, text => decodedKey(text, proof.key));
    return (request, now) => {
      const { signatures, timestamp } = readSignatures(singleHeader(request, proof.header) ?? '', form);
      const bytesOf = (variable: string) => signedBytes(variable, request, timestamp);
      const parts = signs.map(part => (typeof part === 'string' ? part : bytesOf(part.variable)));
      if (!isTimely(proof.timestamp, bytesOf, now) || !parts.every(part => part !== undefined)) return undefined;
      const signed = Buffer.concat(parts.map(part => Buffer.from(part)));
      return matchAnySecret(
        signatures,
        bothOf(keys, key => bodySignature(key, signed, proof)),
      );
    };
  };
}

/** Returns the bytes of a variable of the signed text, `undefined` if the request has none. */
function signedBytes(variable: string, request: HttpRequest, timestamp: string | undefined) {
  if (variable === 'body') return request.rawBody;
  if (variable === 'method') return request.method;
  if (variable === 'timestamp') return timestamp;
  return variable === 'url' ? request.url : singleHeader(request, headerOfPlace(variable) ?? '');
}

function isTimely(
  timestamp: HmacProof['timestamp'],
  bytesOf: (variable: string) => Uint8Array | string | undefined,
  now: number,
): boolean {
  if (timestamp === undefined) return true;
  const text = bytesOf(timestamp.from === 'value' ? 'timestamp' : timestamp.from);
  const at = readTime(typeof text === 'string' ? text : '', timestamp.unit);
  return at !== undefined && Math.abs(now - at) <= timestamp.toleranceSeconds * 1000;
}

/** Fewer bytes could be guessed. A key of 24 characters of text has more. */
const minKeyBytes = 16;

function decodedKey(text: string, kind: HmacProof['key']): Uint8Array {
  if (kind === 'text') return Buffer.from(text);
  const key = Buffer.from(text, kind);
  const isExact = key.toString(kind) === (kind === 'hex' ? text.toLowerCase() : text);
  if (!isExact || key.length < minKeyBytes) throw unusableSecret();
  return key;
}
