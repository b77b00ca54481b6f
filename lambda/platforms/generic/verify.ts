import {
  matchSecret,
  parseSharedSecret,
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
import { type GenericSettings, statusReference } from './request.ts';

/** Authenticates a sender by the scheme that settings name. */
export async function verifyGeneric(
  request: HttpRequest,
  context: VerifyContext,
  settings: GenericSettings,
): Promise<Authentication> {
  const text = await context.secret();
  const secret = matchers[settings.scheme](request, text, context.now(), settings);
  if (secret === undefined) throw notAuthenticated(settings);
  return { scheme: settings.scheme, secret };
}

/** Throws what {@link verifyGeneric} throws for a secret that the scheme cannot use. */
export function checkGenericSecret(text: string, { scheme }: GenericSettings): void {
  const parse = { 'standard-webhooks': parseSigningKeys, header: parseSharedSecret, basic: parseCredentials };
  parse[scheme](text);
}

/** Returns the keys for signing callbacks: those of the sender's signatures, otherwise the text of its secret. */
export function callbackKeys(text: string, { scheme }: GenericSettings): SigningKeys {
  return scheme === 'standard-webhooks' ? parseSigningKeys(text) : textAsKeys(parseSharedSecret(text));
}

type Matcher = (request: HttpRequest, text: string, now: number, settings: GenericSettings) => Label;
type Label = Authentication['secret'] | undefined;

const matchers: Readonly<Record<GenericSettings['scheme'], Matcher>> = {
  'standard-webhooks': (request, text, now) => matchMessage(request, parseSigningKeys(text), now),
  header: (request, text, _, { header }) => matchSecret(headerOf(request, header), parseSharedSecret(text)),
  basic: (request, text) => matchCredentials(headerOf(request, 'Authorization'), parseCredentials(text)),
};

/** A status request has no body, so its id must name the requested erasure: one signature is valid for one request. */
function matchMessage(request: HttpRequest, keys: SigningKeys, now: number): Label {
  const id = headerOf(request, 'webhook-id');
  if (request.method === 'GET' && statusReference(request) !== id) return undefined;
  const [timestamp, signature] = [headerOf(request, 'webhook-timestamp'), headerOf(request, 'webhook-signature')];
  return matchSignedMessage({ id, timestamp, signature, body: request.rawBody }, keys, now);
}

/** RFC 7617, section 2: the scheme's name in any case, followed by `user:password` in base64. */
function matchCredentials(given: string, expected: SharedSecret): Label {
  return matchSecret(/^basic +(\S+)$/i.exec(given)?.[1] ?? '', expected);
}

function parseCredentials(text: string): SharedSecret {
  const { current, previous } = parseSharedSecret(text);
  return {
    current: encodeCredentials(current),
    ...(previous === undefined ? {} : { previous: encodeCredentials(previous) }),
  };
}

function encodeCredentials(userAndPassword: string): string {
  if (!userAndPassword.includes(':')) throw unusableSecret();
  return Buffer.from(userAndPassword).toString('base64');
}

function headerOf(request: HttpRequest, header: string): string {
  return singleHeader(request, header) ?? '';
}

function notAuthenticated({ scheme, header }: GenericSettings): Failure {
  if (scheme === 'standard-webhooks') return new Failure('unauthorized', 'webhook-signature: does not match');
  if (scheme === 'header') return new Failure('unauthorized', `${header}: does not match`);
  const headers = { 'WWW-Authenticate': 'Basic realm="erasure", charset="UTF-8"' };
  return new Failure('unauthorized', 'Authorization: does not match', { headers });
}
