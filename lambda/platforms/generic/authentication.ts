import { createHmac } from 'node:crypto';
import * as v from 'valibot';
import {
  inboundSecret,
  matchSecret,
  outboundKey,
  parseSecret,
  type SharedSecret,
  unusableSecret,
} from '../../authentication/shared-secret.ts';
import {
  matchSignedMessage,
  parseSigningKeys,
  type SigningKeys,
  textAsKeys,
} from '../../authentication/signed-body.ts';
import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, singleHeader } from '../../domain/http.ts';
import type { Authentication, VerifyContext } from '../platform.ts';
import { headerOfPlace } from './places.ts';
import { statusReference } from './request.ts';
import type { HmacProof, Proof } from './schema.ts';
import { renderText, templateOf } from './template.ts';
import { readTime } from './times.ts';

type Label = Authentication['secret'] | undefined;
type Matcher = (request: HttpRequest, now: number) => Label;

/** Authenticates a sender in every way that settings list: all of them must hold. */
export async function verifyGeneric(
  request: HttpRequest,
  { secret, now }: Pick<VerifyContext, 'secret' | 'now'>,
  proofs: readonly Proof[],
): Promise<Authentication> {
  const text = await secret();
  const labels = proofs.map(proof => matcherOf(proof, text)).map(match => match(request, now()));
  if (labels.includes(undefined)) throw notAuthenticated(proofs);
  const scheme = proofs.map(({ kind }) => kind).join('+');
  return { scheme, secret: labels.includes('previous') ? 'previous' : 'current' };
}

/** Throws `unavailable` with the alarm `secret-unusable` for a secret that settings cannot work with. */
export function checkGenericSecret(text: string, proofs: readonly Proof[], outbound: readonly string[]): void {
  for (const proof of proofs) matcherOf(proof, text);
  for (const name of outbound) outboundSecret(text, name);
}

const entry = v.object({ current: v.unknown(), previous: v.exactOptional(v.unknown()) });
const wholeSecret = v.object({
  current: v.exactOptional(v.unknown()),
  previous: v.exactOptional(v.unknown()),
  named: v.optional(v.record(v.string(), entry), {}),
});
const inbound = v.object({ current: inboundSecret, previous: v.exactOptional(inboundSecret) });

/** Returns the secret that an authentication names, as JSON: an entry of `named`, or else the platform's own. */
export function secretText(text: string, { secret }: Pick<Proof, 'secret'>): string {
  const { named, ...own } = parseSecret(wholeSecret, text);
  const found = secret === undefined ? own : Object.hasOwn(named, secret) ? named[secret] : undefined;
  return JSON.stringify(found ?? {});
}

/** Returns the current value of a named secret that this service sends. Throws `unavailable` if there is none. */
export function outboundSecret(text: string, name: string): string {
  const { named } = parseSecret(wholeSecret, text);
  const parsed = v.safeParse(outboundKey, Object.hasOwn(named, name) ? named[name]?.current : undefined);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (parsed.success && !/[\u0000-\u001f\u007f]/.test(parsed.output)) return parsed.output;
  throw unusableSecret();
}

/** Returns the keys for signing callbacks: those of the sender's signatures, otherwise the text of its secret. */
export function callbackKeys(text: string, proofs: readonly Proof[]): SigningKeys {
  const signed = proofs.find(({ kind }) => kind === 'standard-webhooks');
  if (signed !== undefined) return parseSigningKeys(secretText(text, signed));
  return textAsKeys(parseSecret(inbound, secretText(text, proofs[0] ?? {})));
}

/** Returns what checks one request with a secret. Throws `unavailable` for a secret that the proof cannot use. */
function matcherOf(proof: Proof, text: string): Matcher {
  const own = secretText(text, proof);
  if (proof.kind === 'standard-webhooks') {
    const keys = parseSigningKeys(own);
    return (request, now) => matchMessage(request, keys, now);
  }
  const secret = parseSecret(inbound, own);
  if (proof.kind === 'hmac') return hmacMatcher(proof, secret);
  if (proof.kind === 'header') return request => matchSecret(headerOf(request, proof.header), secret);
  const credentials = bothSecrets(secret, encodeCredentials);
  return request => matchSecret(/^basic +(\S+)$/i.exec(headerOf(request, 'Authorization'))?.[1] ?? '', credentials);
}

/** A status request has no body, so its id must name the requested erasure: one signature is valid for one request. */
function matchMessage(request: HttpRequest, keys: SigningKeys, now: number): Label {
  const id = headerOf(request, 'webhook-id');
  if (request.method === 'GET' && statusReference(request) !== id) return undefined;
  const [timestamp, signature] = [headerOf(request, 'webhook-timestamp'), headerOf(request, 'webhook-signature')];
  return matchSignedMessage({ id, timestamp, signature, body: request.rawBody }, keys, now);
}

function hmacMatcher(proof: HmacProof, secret: SharedSecret): Matcher {
  const [signs, value] = [templateOf(proof.signs), templateOf(proof.value)];
  const keys = bothKeys(secret, proof.key);
  return (request, now) => {
    if (!isTimely(request, proof.timestamp, now)) return undefined;
    const parts = signs.map(part => (typeof part === 'string' ? part : signedPart(part.variable, request)));
    if (parts.includes(undefined)) return undefined;
    const expected = (key: Uint8Array) => {
      const hmac = createHmac(proof.hash, key);
      for (const part of parts) hmac.update(part ?? '');
      return renderText(value, () => hmac.digest(proof.encoding)) ?? '';
    };
    return matchSecret(headerOf(request, proof.header), {
      current: expected(keys.current),
      ...(keys.previous === undefined ? {} : { previous: expected(keys.previous) }),
    });
  };
}

/** Returns the signed bytes of one variable, `undefined` if the request has none. */
function signedPart(variable: string, request: HttpRequest): string | Uint8Array | undefined {
  if (variable === 'body') return request.rawBody;
  if (variable === 'method') return request.method;
  return variable === 'url' ? request.url : singleHeader(request, headerOfPlace(variable) ?? '');
}

function isTimely(request: HttpRequest, timestamp: HmacProof['timestamp'], now: number): boolean {
  if (timestamp === undefined) return true;
  const at = readTime(singleHeader(request, headerOfPlace(timestamp.from) ?? '') ?? '', timestamp.unit);
  return at !== undefined && Math.abs(now - at) <= timestamp.toleranceSeconds * 1000;
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

function bothSecrets({ current, previous }: SharedSecret, change: (text: string) => string): SharedSecret {
  return { current: change(current), ...(previous === undefined ? {} : { previous: change(previous) }) };
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
  const headers = proofs.some(({ kind }) => kind === 'basic')
    ? { 'WWW-Authenticate': 'Basic realm="erasure", charset="UTF-8"' }
    : {};
  const names = proofs.map(proofHeader).join(', ');
  return new Failure('unauthorized', `${names}: ${proofs.length === 1 ? 'does' : 'do'} not match`, { headers });
}

function proofHeader(proof: Proof): string {
  if (proof.kind === 'standard-webhooks') return 'webhook-signature';
  return proof.kind === 'basic' ? 'Authorization' : proof.header;
}
