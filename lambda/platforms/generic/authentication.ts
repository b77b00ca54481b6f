import { type CheckToken, tokenChecker } from '../../authentication/json-web-token.ts';
import { matchSecret, parseSecret, type SharedSecret, unusableSecret } from '../../authentication/shared-secret.ts';
import { matchSignedMessage, parseSigningKeys, type SigningKeys } from '../../authentication/signed-body.ts';
import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, singleHeader } from '../../domain/http.ts';
import type { Authentication, VerifyContext } from '../platform.ts';
import { hmacMatcher, type Matcher } from './hmac.ts';
import { statusReference } from './request.ts';
import type { Proof } from './schema.ts';
import { inbound, isWithSecret, outboundSecret, type ProofWithSecret, secretText } from './secrets.ts';

/** A header with a token, and its check. */
export interface TokenProof {
  readonly header: string;
  readonly check: CheckToken;
}

/** Returns the checks of tokens, which keep the issuer's keys as long as the process runs. */
export function tokenProofs(proofs: readonly Proof[]): readonly TokenProof[] {
  return proofs
    .filter(proof => proof.kind === 'jwt')
    .map(proof => ({ header: proof.header, check: tokenChecker(proof) }));
}

/** Authenticates a sender in every way that settings list: all of them must hold. */
export async function verifyGeneric(
  request: HttpRequest,
  context: VerifyContext,
  proofs: readonly Proof[],
  tokens: readonly TokenProof[],
): Promise<Authentication> {
  const withSecret = proofs.filter(isWithSecret);
  const text = withSecret.length === 0 ? '' : await context.secret();
  const labels = withSecret.map(proof => matcherOf(proof, text)).map(match => match(request, context.now()));
  if (labels.includes(undefined)) throw notAuthenticated(proofs);
  for (const { header, check } of tokens) {
    const token = headerOf(request, header).replace(/^bearer +/i, '');
    if (!(await check(token, context))) throw notAuthenticated(proofs);
  }
  const scheme = proofs.map(({ kind }) => kind).join('+');
  return { scheme, secret: labels.includes('previous') ? 'previous' : 'current' };
}

/** Throws `unavailable` with the alarm `secret-unusable` for a secret that settings cannot work with. */
export function checkGenericSecret(text: string, proofs: readonly Proof[], outbound: readonly string[]): void {
  for (const proof of proofs.filter(isWithSecret)) matcherOf(proof, text);
  for (const name of outbound) outboundSecret(text, name);
}

/** Returns what checks one request with a secret. Throws `unavailable` for a secret that the proof cannot use. */
function matcherOf(proof: ProofWithSecret, text: string): Matcher {
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
function matchMessage(request: HttpRequest, keys: SigningKeys, now: number): Authentication['secret'] | undefined {
  const id = headerOf(request, 'webhook-id');
  if (request.method !== 'POST' && statusReference(request) !== id) return undefined;
  const [timestamp, signature] = [headerOf(request, 'webhook-timestamp'), headerOf(request, 'webhook-signature')];
  return matchSignedMessage({ id, timestamp, signature, body: request.rawBody }, keys, now);
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
