import * as v from 'valibot';
import { projectSecretName } from '../domain/names.ts';
import type { HttpResult } from '../io/http-client.ts';
import { parseJson } from '../io/json.ts';
import { placeholder, type ReadSecret } from '../io/secret-cache.ts';
import type { LimitedSend, RateLimited } from '../quota/limited-client.ts';

/** The headers that authenticate to Voucherify, and their app id. */
export interface Credentials {
  readonly kind: 'credentials';
  readonly appId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Credentials, or the reason why they are unavailable. */
export type CredentialResult = Credentials | { readonly kind: 'no-credentials' } | HttpResult | RateLimited;

/** Provides credentials for one call. `refused` are those that got a 401, so a rotated key or a new token is needed. */
export type CredentialProvider = (send: LimitedSend, until: number, refused?: Credentials) => Promise<CredentialResult>;

/** The application key itself, in two headers (Voucherify docs, Authentication). */
export function apiKeyCredentials(readKeys: ReadApiKey): CredentialProvider {
  return async (_send, _until, refused) => {
    const keys = await readKeys({ fresh: refused !== undefined });
    return keys === undefined
      ? { kind: 'no-credentials' }
      : { kind: 'credentials', appId: keys.appId, headers: keyHeaders(keys) };
  };
}

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
 * A token by OAuth client credentials, scope `customers`, shared by the process until shortly before it expires (Voucherify
 * OpenAPI, Generate OAuth 2.0 Token: 900 s, a thousand tokens a project). A rejected token is
 * replaced once for all its users, with the newest keys.
 */
export function oauthCredentials(baseUrl: string, readKeys: ReadApiKey, now: () => number): CredentialProvider {
  let shared: Token | undefined;
  let pending: Promise<CredentialResult> | undefined;
  const requestTokenWith = async (keys: ApiKey, send: LimitedSend, until: number): Promise<CredentialResult> => {
    const answer = await send(tokenCall(baseUrl, keys, until));
    const token = answer.kind === 'answer' ? tokenFrom(answer, keys.appId, now()) : undefined;
    shared = token ?? shared;
    return token === undefined ? withoutToken(answer) : token.credentials;
  };
  const ask = async (send: LimitedSend, until: number, fresh: boolean): Promise<CredentialResult> => {
    const keys = await readKeys({ fresh });
    if (keys === undefined) return { kind: 'no-credentials' };
    const first = await requestTokenWith(keys, send, until);
    if (first.kind !== 'answer' || first.status !== 401) return first;
    const newest = await readKeys({ fresh: true });
    return newest === undefined || isSame(keys, newest) ? first : requestTokenWith(newest, send, until);
  };
  return async (send, until, refused) => {
    if (shared?.credentials === refused) shared = undefined;
    if (shared !== undefined && shared.endsAt > now()) return shared.credentials;
    pending ??= ask(send, until, refused !== undefined).finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

function isSame(a: ApiKey, b: ApiKey): boolean {
  return a.appId === b.appId && a.appToken === b.appToken;
}

function tokenCall(baseUrl: string, keys: ApiKey, until: number): Parameters<LimitedSend>[0] {
  return {
    method: 'POST',
    url: new URL('/v1/oauth/token', baseUrl),
    headers: { ...keyHeaders(keys), Accept: 'application/json', 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials&scope=customers',
    until,
    repeatable: true,
  };
}

/**
 * A token response must never be taken for a customer response: only a response that blocks all calls is passed on. Any
 * other failure had no effect on a customer.
 */
function withoutToken(answer: HttpResult | RateLimited): CredentialResult {
  if (answer.kind === 'held') return answer;
  if (answer.kind === 'no-answer') return { kind: 'held', code: `token-${answer.code}` };
  return [401, 402, 403, 429].includes(answer.status) ? answer : { kind: 'held', code: `token-${answer.status}` };
}

function tokenFrom(answer: { status: number; body: string }, appId: string, now: number): Token | undefined {
  const parsed = v.safeParse(tokenResponse, parseJson(answer.body)?.value);
  if (answer.status !== 200 || !parsed.success) return undefined;
  const { access_token, expires_in } = parsed.output;
  const credentials = { kind: 'credentials', appId, headers: { Authorization: `Bearer ${access_token}` } } as const;
  return { credentials, endsAt: now + expires_in * 1000 - spareMs };
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
  return async options => {
    const text = await readSecret(projectSecretName(project), options).catch(() => '');
    const parsed = v.safeParse(keysSchema, parseJson(text)?.value);
    return parsed.success ? parsed.output : undefined;
  };
}
