import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import * as v from 'valibot';
import { Failure } from '../domain/failure.ts';
import type { Send } from '../io/http-client.ts';
import { parseJson } from '../io/json.ts';

/** The issuer of the tokens, and how they are signed. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** The address of the issuer's keys (RFC 7517). The only one: `jku`, `x5u` and `jwk` in a token are never used. */
  readonly jwks: string;
  /** The accepted algorithms; a token cannot choose another one (RFC 8725, section 3.1). */
  readonly algorithms: readonly string[];
}

interface TokenContext {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Sends only to public addresses and follows no redirect. */
  readonly sendPublic: Send;
}

/** Returns whether a token is valid now. Throws `unavailable` if there is no key to check it with. */
export type CheckToken = (token: string, context: TokenContext) => Promise<boolean>;

/** How long keys are used, and the least time between two fetches of them; all in milliseconds. */
const cacheMs = 600_000;
const unknownKeyMs = 300_000;
const failedMs = 10_000;
const fetchMs = 2000;
const maxKeysBytes = 65_536;

/** Returns a check of tokens that keeps the issuer's keys in this process. Source: RFC 7519, RFC 8725. */
export function tokenChecker(issuer: TokenIssuer): CheckToken {
  const readKeys = keyReader(issuer.jwks);
  return async (token, context) => {
    if (!hasAcceptedForm(token, issuer.algorithms)) return false;
    const first = await checkWith(await readKeys(context, false), token, issuer, context.now());
    if (first !== 'no-key') return first;
    return (await checkWith(await readKeys(context, true), token, issuer, context.now())) === true;
  };
}

const header = v.object({ alg: v.string(), crit: v.exactOptional(v.never()) });

/** Checks the form of a token before a key is fetched, so that an invalid text causes no call. Refuses critical extensions. */
function hasAcceptedForm(token: string, algorithms: readonly string[]): boolean {
  const [head = ''] = /^[\w-]{1,4096}(?=\.[\w-]{1,16384}\.[\w-]{1,2048}$)/.exec(token) ?? [];
  const parsed = v.safeParse(header, parseJson(Buffer.from(head, 'base64url').toString('utf8'))?.value);
  return parsed.success && algorithms.includes(parsed.output.alg);
}

async function checkWith(
  keys: JSONWebKeySet,
  token: string,
  { issuer, audience, algorithms }: TokenIssuer,
  now: number,
): Promise<boolean | 'no-key'> {
  try {
    const required = ['iss', 'aud', 'exp'];
    const options = {
      issuer,
      audience,
      algorithms: [...algorithms],
      requiredClaims: required,
      currentDate: new Date(now),
    };
    await jwtVerify(token, createLocalJWKSet(keys), options);
    return true;
  } catch (thrown) {
    return thrown instanceof errors.JWKSNoMatchingKey ? 'no-key' : false;
  }
}

/** Returns a reader of the keys. With `renewed`, keys are fetched again, at most once in five minutes. */
function keyReader(jwks: string): (context: TokenContext, renewed: boolean) => Promise<JSONWebKeySet> {
  let cached: { readonly keys: JSONWebKeySet; readonly at: number } | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let renewedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;
  const fetchIntoCache = async (context: TokenContext) => {
    const at = context.now();
    const keys = await fetchKeys(jwks, context);
    if (keys !== undefined) cached = { keys, at };
  };
  return async (context, renewed) => {
    const now = context.now();
    const isOld = cached === undefined || now - cached.at >= cacheMs;
    const mayRenew = renewed && now - renewedAt >= unknownKeyMs;
    if (mayRenew) renewedAt = now;
    if ((isOld && now - triedAt >= failedMs) || mayRenew) {
      triedAt = now;
      fetching = fetchIntoCache(context);
    }
    // Concurrent requests wait for the same fetch.
    await fetching;
    if (cached !== undefined && now - cached.at < cacheMs) return cached.keys;
    throw new Failure('unavailable', 'the keys of the token issuer are unavailable', { alarm: 'secret-unusable' });
  };
}

const keySet = v.object({ keys: v.array(v.looseObject({ kty: v.string() })) });

async function fetchKeys(jwks: string, { now, sendPublic }: TokenContext): Promise<JSONWebKeySet | undefined> {
  const until = now() + fetchMs;
  const headers = { accept: 'application/json' };
  const call = { method: 'GET', url: new URL(jwks), headers, until, maxResponseBytes: maxKeysBytes } as const;
  const result = await sendPublic(call);
  if (result.kind !== 'response' || result.status !== 200) return undefined;
  const parsed = v.safeParse(keySet, parseJson(result.body)?.value);
  return parsed.success ? parsed.output : undefined;
}
