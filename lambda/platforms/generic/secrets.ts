import * as v from 'valibot';
import { type AccessTokens, accessTokens } from '../../authentication/access-token.ts';
import { outboundKey, parseSecret, parseSharedSecret, unusableSecret } from '../../authentication/shared-secret.ts';
import { parseSigningKeys, type SigningKeys, textAsKeys } from '../../authentication/signed-body.ts';
import type { CallbackRequest, CallContext } from '../platform.ts';
import type { GenericSettings, JwtProof, Proof } from './schema.ts';
import { renderText, secretVariable, type TemplateVariables, templateOf, variablesIn } from './template.ts';

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

/** The headers of a call to the platform. */
export interface CallHeaders {
  /** The names of all variables. */
  readonly names: readonly string[];
  /** The names of the secrets that the headers need. */
  readonly secrets: readonly string[];
  /** Renders the headers for a call. Throws `unavailable` for an unusable secret or if there is no token. */
  render(context: CallContext, own?: TemplateVariables): Promise<Pick<CallbackRequest, 'headers' | 'dropToken'>>;
}

/** The access token of a platform, and the secret for requesting it. */
type PlatformToken = AccessTokens & { readonly secret: string };

/** Returns the token of a platform whose settings have an endpoint for it. Calls and callbacks share it. */
export function platformToken({ oauth }: Pick<GenericSettings, 'oauth'>): PlatformToken | undefined {
  return oauth === undefined ? undefined : { ...accessTokens(oauth.url, oauth.scope), secret: oauth.secret };
}

/** Parses the headers in settings once. */
export function compileHeaders(
  headers: Readonly<Record<string, string>> = {},
  token: PlatformToken | undefined,
): CallHeaders {
  const templates = Object.entries(headers).map(([name, text]) => [name, templateOf(text)] as const);
  const names = variablesIn(headers);
  const used = names.includes('token') ? token : undefined;
  const secrets = [...names, ...(used === undefined ? [] : [`secret:${used.secret}`])].flatMap(
    name => secretVariable(name) ?? [],
  );
  return {
    names,
    secrets,
    render: async (context, own = () => undefined) => {
      const text = secrets.length === 0 ? '' : await context.secret();
      const bearer = await used?.read(outboundSecret(text, used.secret), context);
      const value = (name: string) => {
        const secret = secretVariable(name);
        if (secret !== undefined) return outboundSecret(text, secret);
        return name === 'token' ? bearer : own(name);
      };
      const rendered = templates.map(([name, template]) => [name, renderText(template, value) ?? '']);
      return { headers: Object.fromEntries(rendered), ...(used === undefined ? {} : { dropToken: used.drop }) };
    },
  };
}
