import { createHmac } from 'node:crypto';
import { parseSharedSecret } from '../../../lambda/authentication/shared-secret.ts';
import { parseSigningKeys, signedHeaders } from '../../../lambda/authentication/signed-body.ts';
import { headerOfPlace } from '../../../lambda/platforms/generic/places.ts';
import type { HmacProof, Proof } from '../../../lambda/platforms/generic/schema.ts';
import { type ProofWithSecret, secretText } from '../../../lambda/platforms/generic/secrets.ts';
import { renderText, templateOf, variablesIn } from '../../../lambda/platforms/generic/template.ts';

interface UnsignedMessage {
  readonly method: string;
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly now: number;
  readonly id: string;
}

/** Returns the headers of a message as a sender with this secret sends it: every authentication of the settings is added. */
export function signGeneric(
  message: UnsignedMessage,
  proofs: readonly Proof[],
  secret: string,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { ...message.headers };
  for (const proof of proofs) Object.assign(headers, headersOf(proof, { ...message, headers }, secret));
  return headers;
}

function headersOf(proof: Proof, message: UnsignedMessage, text: string): Readonly<Record<string, string>> {
  // Only the issuer can sign a token.
  if (proof.kind === 'jwt') return {};
  const own = ownSecret(text, proof);
  if (proof.kind === 'standard-webhooks') {
    return signedHeaders(message.id, message.body, parseSigningKeys(own), message.now);
  }
  const { current } = parseSharedSecret(own);
  if (proof.kind === 'basic') return { Authorization: `Basic ${Buffer.from(current).toString('base64')}` };
  return proof.kind === 'header' ? { [proof.header]: current } : hmacHeaders(proof, message, current);
}

/** Returns the secret of an authentication. An invented secret, which must be rejected, has no names. */
function ownSecret(text: string, proof: ProofWithSecret): string {
  const named = secretText(text, proof);
  return named === '{}' ? text : named;
}

function hmacHeaders(proof: HmacProof, message: UnsignedMessage, current: string): Readonly<Record<string, string>> {
  const { timestamp: { from, unit } = { from: 'value', unit: 's' as const }, key } = proof;
  const timestamp = timeText(unit, message.now);
  const given = new Map(Object.entries(message.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const time = from === 'value' ? {} : { [headerOfPlace(from) ?? '']: timestamp };
  // A signed header that nothing else fills is the id of the message.
  const unfilled = variablesIn(proof.signs).flatMap(name => headerOfPlace(name) ?? []);
  const ids = unfilled.filter(name => !given.has(name)).map(name => [name, message.id] as const);
  const sent: Readonly<Record<string, string>> = { ...Object.fromEntries(ids), ...time };
  const headers = [...given, ...Object.entries(sent)];
  const values: Readonly<Record<string, string>> = {
    ...Object.fromEntries(headers.map(([name, value]) => [`header:${name}`, value])),
    ...{ body: message.body, method: message.method, url: message.url, timestamp },
  };
  const signed = renderText(
    templateOf(proof.signs),
    name => values[name.startsWith('header:') ? name.toLowerCase() : name],
  );
  const bytes = key === 'text' ? Buffer.from(current) : Buffer.from(current, key);
  const signature = createHmac(proof.hash, bytes)
    .update(signed ?? '')
    .digest(proof.encoding);
  const form: Readonly<Record<string, string>> = { signature, timestamp };
  return { ...sent, [proof.header]: renderText(templateOf(proof.value), name => form[name]) ?? '' };
}

function timeText(unit: 's' | 'ms' | 'rfc3339', now: number): string {
  if (unit === 'rfc3339') return new Date(now).toISOString();
  return String(unit === 's' ? Math.floor(now / 1000) : now);
}
