import { tokenChecker } from '../../authentication/json-web-token.ts';
import { bothOf, matchSecret, parseSharedSecret, unusableSecret } from '../../authentication/shared-secret.ts';
import { matchSignedMessage, parseSigningKeys, type SigningKeys } from '../../authentication/signed-body.ts';
import { Failure } from '../../domain/failure.ts';
import { type HttpRequest, singleHeader } from '../../domain/http.ts';
import type { Platform } from '../platform.ts';
import { compileHmac, type Matcher } from './hmac.ts';
import { statusReference } from './orders.ts';
import type { Proof } from './schema.ts';
import { isWithSecret, type ProofWithSecret, secretText } from './secrets.ts';

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
