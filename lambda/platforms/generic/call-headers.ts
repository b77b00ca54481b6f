import { type AccessTokens, accessTokens } from '../../authentication/access-token.ts';
import type { CallbackRequest, CallContext } from '../platform.ts';
import type { GenericSettings } from './schema.ts';
import { outboundSecret } from './secrets.ts';
import { renderText, secretVariable, type TemplateVariables, templateOf, variablesIn } from './template.ts';

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
