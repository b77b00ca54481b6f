import * as v from 'valibot';
import { Failure } from '../domain/failure.ts';
import type { HttpResult, Send } from '../io/http-client.ts';
import { parseJson } from '../io/json.ts';
import { unusableSecret } from './shared-secret.ts';

interface TokenContext {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Sends only to public addresses and follows no redirect. */
  readonly sendPublic: Send;
}

/** Access tokens of one client, kept in this process. */
export interface AccessTokens {
  /** Returns a token for `id:secret`. Throws {@link TokenFailure}, or `unavailable` for a text that is no client. */
  read(client: string, context: TokenContext): Promise<string>;
  /** Forgets the token, because the platform refused it. */
  drop(): void;
}

/** No token was given. The alarm says that the client is refused; an outage of the endpoint raises none. */
export class TokenFailure extends Failure {
  readonly result: HttpResult;
  /** The code for the log, such as `token-http-401`. */
  readonly reason: string;

  constructor(result: HttpResult) {
    const isRefused = result.kind === 'response' && [400, 401, 403].includes(result.status);
    super('unavailable', 'there is no access token', isRefused ? { alarm: 'secret-unusable' } : {});
    this.result = result;
    this.reason = `token-${reasonOf(result)}`;
  }
}

function reasonOf(result: HttpResult): string {
  if (result.kind === 'no-response') return result.code;
  return result.status < 400 ? 'unreadable' : `http-${result.status}`;
}

/** Timeout of the call, and how long before its end a token is no longer used; in milliseconds. */
const callMs = 5000;
const spareMs = 60_000;

/** How long a token is used if the response has no `expires_in`, in seconds. */
const unstatedSeconds = 360;

const tokenResponse = v.object({
  access_token: v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,8192}$/)),
  expires_in: v.nullish(v.pipe(v.number(), v.minValue(0)), unstatedSeconds),
});

/** Returns the tokens that an endpoint gives by client credentials, with HTTP Basic (RFC 6749, sections 2.3.1 and 4.4). */
export function accessTokens(url: string, scope: string | undefined): AccessTokens {
  let kept: { readonly client: string; readonly endsAt: number; readonly asked: Promise<Token> } | undefined;
  const drop = () => {
    kept = undefined;
  };
  return {
    read: async (client, context) => {
      const now = context.now();
      if (kept?.client === client && now < kept.endsAt) return (await kept.asked).token;
      const asked = askForToken(url, scope, client, context);
      // Callbacks that are sent at once wait for the same call.
      kept = { client, endsAt: now + callMs, asked };
      try {
        const { token, validMs } = await asked;
        kept = { client, endsAt: now + validMs - spareMs, asked };
        return token;
      } catch (thrown) {
        drop();
        throw thrown;
      }
    },
    drop,
  };
}

interface Token {
  readonly token: string;
  readonly validMs: number;
}

async function askForToken(
  url: string,
  scope: string | undefined,
  client: string,
  { now, sendPublic }: TokenContext,
): Promise<Token> {
  const result = await sendPublic(tokenCall(url, scope, client, now() + callMs));
  const isResponse = result.kind === 'response' && result.status === 200;
  const parsed = v.safeParse(tokenResponse, isResponse ? parseJson(result.body)?.value : undefined);
  if (!parsed.success) throw new TokenFailure(result);
  return { token: parsed.output.access_token, validMs: parsed.output.expires_in * 1000 };
}

function tokenCall(url: string, scope: string | undefined, client: string, until: number) {
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) });
  const headers = {
    Accept: 'application/json',
    Authorization: `Basic ${clientCredentials(client)}`,
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': String(Buffer.byteLength(body.toString())),
  };
  const limits = { maxResponseBytes: 65_536, repeatable: true, until };
  return { method: 'POST', url: new URL(url), headers, body: body.toString(), ...limits } as const;
}

/** The id ends at the first colon. Both parts are encoded as in a form before they are joined (RFC 6749, section 2.3.1). */
function clientCredentials(client: string): string {
  const [id = '', ...secret] = client.split(':');
  if (id === '' || secret.length === 0) throw unusableSecret();
  const encoded = [id, secret.join(':')].map(part => new URLSearchParams({ '': part }).toString().slice(1));
  return Buffer.from(encoded.join(':')).toString('base64');
}
