import { tokenChecker } from '../../authentication/json-web-token.ts';
import {
  bothOf,
  matchAnySecret,
  matchSecret,
  parseSharedSecret,
  type SharedSecret,
  unusableSecret,
} from '../../authentication/shared-secret.ts';
import {
  bodySignature,
  matchSignedMessage,
  parseSigningKeys,
  type SigningKeys,
} from '../../authentication/signed-body.ts';
import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, singleHeader } from '../../domain/http.ts';
import type { Authentication, Platform } from '../platform.ts';
import { statusReference } from './orders.ts';
import { headerOfPlace } from './places.ts';
import { readSignatures, signatureForm } from './proof-schema.ts';
import type { HmacProof, Proof } from './schema.ts';
import { isWithSecret, type ProofWithSecret, secretText } from './secrets.ts';
import { templateOf } from './template.ts';
import { readTime } from './times.ts';

/** Returns how a sender is authenticated: in every way that settings list. The keys of tokens are kept in the process. */
export function authentication(proofs: readonly Proof[]): Pick<Platform, 'verify' | 'checkSecret'> {
  const withSecret = proofs.filter(isWithSecret);
  const compiled = withSecret.map(compileProof);
  const matchers = (text: string) => compiled.map(matcherOf => matcherOf(text));
  const tokens = proofs
    .filter(proof => proof.kind === 'jwt')
    .map(proof => ({ header: proof.header, check: tokenChecker(proof) }));
  return {
    checkSecret: text => void matchers(text),
    verify: async (request, context) => {
      const text = withSecret.length === 0 ? '' : await context.secret();
      const labels = matchers(text).map(match => match(request, context.now()));
      if (labels.includes(undefined)) throw notAuthenticated(proofs);
      for (const { header, check } of tokens) {
        const token = headerOf(request, header).replace(/^bearer +/i, '');
        if (!(await check(token, context))) throw notAuthenticated(proofs);
      }
      const scheme = proofs.map(({ kind }) => kind).join('+');
      return { scheme, secret: labels.includes('previous') ? 'previous' : 'current' };
    },
  };
}

/** Returns what checks requests with a secret. That throws `unavailable` for a secret that the proof cannot use. */
function compileProof(proof: ProofWithSecret): (text: string) => Matcher {
  const hmac = proof.kind === 'hmac' ? compileHmac(proof) : undefined;
  return text => {
    const own = secretText(text, proof);
    if (proof.kind === 'standard-webhooks') {
      const keys = parseSigningKeys(own);
      return (request, now) => matchMessage(request, keys, now);
    }
    const secret = parseSharedSecret(own);
    if (hmac !== undefined) return hmac(secret);
    if (proof.kind === 'header') return request => matchSecret(headerOf(request, proof.header), secret);
    const credentials = bothOf(secret, encodeCredentials);
    return request => matchSecret(/^basic +(\S+)$/i.exec(headerOf(request, 'Authorization'))?.[1] ?? '', credentials);
  };
}

/** A status request has no body, so its id must name the requested erasure: one signature is valid for one request. */
function matchMessage(request: HttpRequest, keys: SigningKeys, now: number): ReturnType<Matcher> {
  const id = headerOf(request, 'webhook-id');
  if (request.method !== 'POST' && statusReference(request) !== id) return undefined;
  const [timestamp, signature] = [headerOf(request, 'webhook-timestamp'), headerOf(request, 'webhook-signature')];
  return matchSignedMessage({ id, timestamp, signature, body: request.rawBody }, keys, now);
}

/** RFC 7617, section 2: `user:password` in base64. */
function encodeCredentials(userAndPassword: string): string {
  if (!userAndPassword.includes(':')) throw unusableSecret();
  return Buffer.from(userAndPassword).toString('base64');
}

function headerOf(request: HttpRequest, header: string): string {
  return singleHeader(request, header) ?? '';
}

/** Says the same whichever of several proofs failed. */
function notAuthenticated(proofs: readonly Proof[]): Failure {
  const isBasic = proofs.some(({ kind }) => kind === 'basic');
  const headers = isBasic ? { 'WWW-Authenticate': 'Basic realm="erasure", charset="UTF-8"' } : {};
  const names = proofs.map(proofHeader).join(', ');
  return new Failure('unauthorized', `${names}: ${proofs.length === 1 ? 'does' : 'do'} not match`, { headers });
}

function proofHeader(proof: Proof): string {
  if (proof.kind === 'standard-webhooks') return 'webhook-signature';
  return proof.kind === 'basic' ? 'Authorization' : proof.header;
}

/** Returns which value of the secret authenticates a request, if any. `now` is in epoch milliseconds. */
type Matcher = (request: HttpRequest, now: number) => Authentication['secret'] | undefined;

/** Returns what checks a signature with a secret. That throws `unavailable` for an unusable key. */
function compileHmac(proof: HmacProof): (secret: SharedSecret) => Matcher {
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
