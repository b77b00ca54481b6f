import { type AccessTokens, accessTokens } from '../../authentication/access-token.ts';
import type { CallContext } from '../platform.ts';
import type { GenericSettings } from './schema.ts';
import { outboundSecret } from './secrets.ts';
import { renderText, secretVariable, type TemplateVariables, templateOf, variablesOf } from './template.ts';

/** The headers of a call to the platform. */
export interface CallHeaders {
  /** The names of all variables. */
  readonly names: readonly string[];
  /** The names of the secrets that the headers need. */
  readonly secrets: readonly string[];
  /** Renders the headers for a call. Throws `unavailable` for an unusable secret or if there is no token. */
  render(context: CallContext, own?: TemplateVariables): Promise<Record<string, string>>;
}

/** The access token of a platform, and the secret that it is asked with. */
export interface PlatformToken extends AccessTokens {
  readonly secret: string;
}

/** Returns the token of a platform whose settings have an endpoint for it. Calls and callbacks share it. */
export function platformToken({ oauth }: Pick<GenericSettings, 'oauth'>): PlatformToken | undefined {
  return oauth === undefined ? undefined : { ...accessTokens(oauth.url, oauth.scope), secret: oauth.secret };
}

/** Parses the headers in settings once. */
export function compileHeaders(
  headers: Readonly<Record<string, string>> | undefined,
  token: PlatformToken | undefined,
): CallHeaders {
  const templates = Object.entries(headers ?? {}).map(([name, text]) => [name, templateOf(text)] as const);
  const names = templates.flatMap(([, template]) => variablesOf(template));
  const needed = token !== undefined && names.includes('token') ? [token] : [];
  const secrets = [...names.flatMap(name => secretVariable(name) ?? []), ...needed.map(({ secret }) => secret)];
  return {
    names,
    secrets,
    render: async (context, own = () => undefined) => {
      const text = secrets.length === 0 ? '' : await context.secret();
      const [bearer] = await Promise.all(needed.map(one => one.read(outboundSecret(text, one.secret), context)));
      const value = (name: string) => {
        if (name === 'token') return bearer;
        const secret = secretVariable(name);
        return secret === undefined ? own(name) : outboundSecret(text, secret);
      };
      return Object.fromEntries(templates.map(([name, template]) => [name, renderText(template, value) ?? '']));
    },
  };
}
