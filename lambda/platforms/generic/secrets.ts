import * as v from 'valibot';
import { outboundKey, parseSecret, parseSharedSecret, unusableSecret } from '../../authentication/shared-secret.ts';
import { parseSigningKeys, type SigningKeys, textAsKeys } from '../../authentication/signed-body.ts';
import type { JwtProof, Proof } from './schema.ts';

export type ProofWithSecret = Exclude<Proof, JwtProof>;

/** Returns whether an authentication works with a secret; a token does not. */
export function isWithSecret(proof: Proof): proof is ProofWithSecret {
  return proof.kind !== 'jwt';
}

const entry = v.object({ current: v.unknown(), previous: v.exactOptional(v.unknown()) });
const wholeSecret = v.object({
  current: v.exactOptional(v.unknown()),
  previous: v.exactOptional(v.unknown()),
  named: v.optional(v.record(v.string(), entry), {}),
});

/** Returns the secret that an authentication names, as JSON: an entry of `named`, or else the platform's own. */
export function secretText(text: string, { secret }: Pick<ProofWithSecret, 'secret'>): string {
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
  const signed = proofs.find(proof => proof.kind === 'standard-webhooks');
  if (signed !== undefined) return parseSigningKeys(secretText(text, signed));
  return textAsKeys(parseSharedSecret(secretText(text, proofs.find(isWithSecret) ?? {})));
}
