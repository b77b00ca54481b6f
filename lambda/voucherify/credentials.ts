import * as v from 'valibot';
import { projectSecretName } from '../domain/names.ts';
import type { HttpCall, HttpResult } from '../io/http-client.ts';
import { parseStrictJsonText } from '../io/json.ts';
import { placeholder, type ReadSecret } from '../io/secret-cache.ts';
import type { LimitedSend, RateLimited } from '../quota/limited-client.ts';
import type { QuotaEffect } from '../quota/rate-limit.ts';
import { type CallFailure, classify, retryLater } from './responses.ts';

/** The headers that authenticate to Voucherify, and their app id. */
export interface Credentials {
  readonly kind: 'credentials';
  readonly appId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Credentials, or the reason why they are unavailable. */
export type CredentialResult = Credentials | RateLimited | CallFailure;

/** Provides credentials for one call. `refused` are those that got a 401, so a rotated key or a new token is needed. */
export type CredentialProvider = (send: LimitedSend, until: number, refused?: Credentials) => Promise<CredentialResult>;

/** The application key itself, in two headers (Voucherify docs, Authentication). */
export function apiKeyCredentials(readKeys: ReadApiKey): CredentialProvider {
  return async (_send, _until, refused) => {
    const keys = await readKeys({ fresh: refused !== undefined });
    if (keys === undefined) return noCredentials;
    return { kind: 'credentials', appId: keys.appId, headers: keyHeaders(keys) };
  };
}

const noCredentials = retryLater('no-credentials', { stop: true, alarm: 'secret-unusable' });

function keyHeaders({ appId, appToken }: ApiKey): Record<string, string> {
  return { 'X-App-Id': appId, 'X-App-Token': appToken };
}

interface Token {
  readonly credentials: Credentials;
  readonly endsAt: number;
}

const tokenResponse = v.object({
  access_token: v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/)),
  expires_in: v.pipe(v.number(), v.minValue(1)),
});

/** A token is not used in the last minute before it expires. */
const spareMs = 60_000;

/**
 * A token by OAuth client credentials with these scopes (separated by spaces), shared by the process until shortly
 * before it expires (Voucherify OpenAPI, Generate OAuth 2.0 Token: 900 s, a thousand tokens a project). A rejected
 * token is replaced once for all its users, with the newest keys.
 */
export function oauthCredentials(
  baseUrl: string,
  readKeys: ReadApiKey,
  now: () => number,
  scope: string = 'customers',
): CredentialProvider {
  let shared: Token | undefined;
  let pending: Promise<CredentialResult> | undefined;
  const requestTokenWith = async (keys: ApiKey, send: LimitedSend, until: number) => {
    const result = await send(tokenCall(baseUrl, scope, keys, until), classifyToken);
    if (!('token' in result)) return result;
    const { access_token, expires_in } = result.token;
    const headers = { Authorization: `Bearer ${access_token}` };
    const credentials = { kind: 'credentials', appId: keys.appId, headers } as const;
    shared = { credentials, endsAt: now() + expires_in * 1000 - spareMs };
    return credentials;
  };
  const requestToken = async (send: LimitedSend, until: number, fresh: boolean): Promise<CredentialResult> => {
    const keys = await readKeys({ fresh });
    if (keys === undefined) return noCredentials;
    let result = await requestTokenWith(keys, send, until);
    if ('status' in result && result.status === 401) {
      const newest = await readKeys({ fresh: true });
      if (newest !== undefined && !isSame(keys, newest)) result = await requestTokenWith(newest, send, until);
    }
    return 'failure' in result ? result.failure : result;
  };
  return async (send, until, refused) => {
    if (shared?.credentials === refused) shared = undefined;
    if (shared !== undefined && shared.endsAt > now()) return shared.credentials;
    pending ??= requestToken(send, until, refused !== undefined).finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

function isSame(a: ApiKey, b: ApiKey): boolean {
  return a.appId === b.appId && a.appToken === b.appToken;
}

function tokenCall(baseUrl: string, scope: string, keys: ApiKey, until: number): HttpCall {
  return {
    method: 'POST',
    url: new URL('/v1/oauth/token', baseUrl),
    headers: { ...keyHeaders(keys), Accept: 'application/json', 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }).toString(),
    until,
    repeatable: true,
  };
}

/** The meaning of a response to a token request: a token, or the failure of the call that needs it. */
type TokenResult = QuotaEffect & { readonly status: number } & (
    | { readonly token: v.InferOutput<typeof tokenResponse> }
    | { readonly failure: CallFailure }
  );

const minute = 60_000;

/**
 * Classifies a token response. It must never be taken for a customer response: 401, 402, 403 and 429 block all calls of
 * the project; any other 4xx, and a 200 without a token, cannot work until the key or the setting is changed. No failure
 * has an effect on a customer.
 */
function classifyToken(result: HttpResult, now: number, failingSince?: number): TokenResult {
  const { outcome, status, ...effect } = classify(result, now, failingSince);
  const parsed = v.safeParse(v.object({ json: tokenResponse }), outcome);
  if (parsed.success) return { ...effect, status, token: parsed.output.json };
  if (outcome.kind === 'retry' && [401, 402, 403, 429].includes(status)) return { ...effect, status, failure: outcome };
  if (outcome.kind === 'retry' && (status === 0 || status >= 500)) {
    const { alarm, retryBy } = outcome;
    const more = { ...(alarm && { alarm }), ...(retryBy && { retryBy }) };
    return { ...effect, status, failure: retryLater(`token-${status || outcome.code}`, { stop: true, ...more }) };
  }
  const failure = retryLater(`token-${status}`, {
    stop: true,
    notBefore: now + minute,
    alarm: 'voucherify-key-refused',
  });
  return { ...effect, status, failure, breaker: { kind: 'open', code: 'key-refused', blocks: 'credentials' } };
}

/** The application key of one project (Voucherify docs, Authentication). */
export interface ApiKey {
  readonly appId: string;
  readonly appToken: string;
}

/** Loads the keys; `undefined` when they cannot be read or are not usable. */
export type ReadApiKey = (options?: { readonly fresh?: boolean }) => Promise<ApiKey | undefined>;

const filled = v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/), v.notValues([placeholder]));
const keysSchema = v.object({ appId: filled, appToken: filled });

/** Reads `erasure/voucherify/<project>`. A failure to read or a placeholder is never replaced by a default. */
export function apiKeyReader(project: string, readSecret: ReadSecret): ReadApiKey {
  const name = projectSecretName(project);
  return async options => {
    const json = await readSecret(name, options).then(parseStrictJsonText, () => undefined);
    const parsed = v.safeParse(keysSchema, json);
    return parsed.success ? parsed.output : undefined;
  };
}
