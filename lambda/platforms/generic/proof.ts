import { matchSecret, parseSharedSecret, type SharedSecret, unusableSecret } from '../../authenticity/shared-secret.ts';
import { matchSignedMessage, parseSigningKeys, type SigningKeys, textAsKeys } from '../../authenticity/signed-body.ts';
import { Failure } from '../../failure.ts';
import { type Authentication, type HttpRequest, singleHeader, type VerifyContext } from '../platform.ts';
import { statusReference } from './request.ts';
import type { GenericSettings } from './settings.ts';

/** Proves a sender by the scheme that settings name. */
export async function verifyGeneric(
  request: HttpRequest,
  means: VerifyContext,
  settings: GenericSettings,
): Promise<Authentication> {
  const text = await means.secret();
  const secret = matchedBy[settings.scheme](request, text, means.now(), settings);
  if (secret === undefined) throw unproved(settings);
  return { scheme: settings.scheme, secret };
}

/** Throws what {@link verifyGeneric} throws for the text of a secret that the scheme cannot use. */
export function checkGenericSecret(text: string, { scheme }: GenericSettings): void {
  const parse = { 'standard-webhooks': parseSigningKeys, header: parseSharedSecret, basic: parseCredentials };
  parse[scheme](text);
}

/** The keys that a callback is signed with: those of the sender's signatures, else the text of its secret. */
export function callbackKeys(text: string, { scheme }: GenericSettings): SigningKeys {
  return scheme === 'standard-webhooks' ? parseSigningKeys(text) : textAsKeys(parseSharedSecret(text));
}

type Matched = (request: HttpRequest, text: string, now: number, settings: GenericSettings) => Label;
type Label = Authentication['secret'] | undefined;

const matchedBy: Readonly<Record<GenericSettings['scheme'], Matched>> = {
  'standard-webhooks': (request, text, now) => matchedSignature(request, parseSigningKeys(text), now),
  header: (request, text, _, { header }) => matchSecret(headerOf(request, header), parseSharedSecret(text)),
  basic: (request, text) => matchedCredentials(headerOf(request, 'Authorization'), parseCredentials(text)),
};

/** A question has no body, so its id names what is asked: one signature opens one request only. */
function matchedSignature(request: HttpRequest, keys: SigningKeys, now: number): Label {
  const id = headerOf(request, 'webhook-id');
  if (request.method === 'GET' && statusReference(request) !== id) return undefined;
  const [timestamp, signature] = [headerOf(request, 'webhook-timestamp'), headerOf(request, 'webhook-signature')];
  return matchSignedMessage({ id, timestamp, signature, body: request.rawBody }, keys, now);
}

/** RFC 7617, section 2: the scheme's name in any case, then `user:password` in base64. */
function matchedCredentials(given: string, expected: SharedSecret): Label {
  return matchSecret(/^basic +(\S+)$/i.exec(given)?.[1] ?? '', expected);
}

function parseCredentials(text: string): SharedSecret {
  const { current, previous } = parseSharedSecret(text);
  return { current: encoded(current), ...(previous === undefined ? {} : { previous: encoded(previous) }) };
}

function encoded(userAndPassword: string): string {
  if (!userAndPassword.includes(':')) throw unusableSecret();
  return Buffer.from(userAndPassword).toString('base64');
}

function headerOf(request: HttpRequest, header: string): string {
  return singleHeader(request, header) ?? '';
}

function unproved({ scheme, header }: GenericSettings): Failure {
  if (scheme === 'standard-webhooks') return new Failure('unauthorized', 'webhook-signature: does not match');
  if (scheme === 'header') return new Failure('unauthorized', `${header}: does not match`);
  const headers = { 'WWW-Authenticate': 'Basic realm="erasure", charset="UTF-8"' };
  return new Failure('unauthorized', 'Authorization: does not match', { headers });
}
