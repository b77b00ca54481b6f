import * as v from 'valibot';
import { projectSecretName } from '../domain/names.ts';
import { parseJson } from '../io/json.ts';
import { placeholder, type ReadSecret } from '../io/secret-cache.ts';
import type { LimitedSend, RateLimited } from '../quota/limited-client.ts';
import { type CallFailure, type CallResult, retryLater } from './classify.ts';

/** The headers that authenticate to Voucherify, and their app id. */
export interface Credentials {
  readonly kind: 'credentials';
  readonly appId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Credentials, or the reason why they are unavailable. */
export type CredentialResult = Credentials | RateLimited | CallFailure;

type Send = LimitedSend<CallResult>;

/** Provides credentials for one call. `refused` are those that got a 401, so a rotated key or a new token is needed. */
export type CredentialProvider = (send: Send, until: number, refused?: Credentials) => Promise<CredentialResult>;

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
 * A token by OAuth client credentials, scope `customers`, shared by the process until shortly before it expires (Voucherify
 * OpenAPI, Generate OAuth 2.0 Token: 900 s, a thousand tokens a project). A rejected token is
 * replaced once for all its users, with the newest keys.
 */
export function oauthCredentials(baseUrl: string, readKeys: ReadApiKey, now: () => number): CredentialProvider {
  let shared: Token | undefined;
  let pending: Promise<CredentialResult> | undefined;
  const requestTokenWith = async (keys: ApiKey, send: Send, until: number) => {
    const result = await send(tokenCall(baseUrl, keys, until));
    const token = 'status' in result ? parseToken(result, keys.appId, now()) : undefined;
    shared = token ?? shared;
    return { result, token };
  };
  const requestToken = async (send: Send, until: number, fresh: boolean): Promise<CredentialResult> => {
    const keys = await readKeys({ fresh });
    if (keys === undefined) return noCredentials;
    let requested = await requestTokenWith(keys, send, until);
    if ('status' in requested.result && requested.result.status === 401) {
      const newest = await readKeys({ fresh: true });
      if (newest !== undefined && !isSame(keys, newest)) requested = await requestTokenWith(newest, send, until);
    }
    return requested.token?.credentials ?? tokenFailure(requested.result);
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

function tokenCall(baseUrl: string, keys: ApiKey, until: number): Parameters<Send>[0] {
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
 * A token response must never be taken for a customer response: only a failure that blocks all calls keeps its own code.
 * No failure to get a token has an effect on a customer.
 */
function tokenFailure(result: CallResult | RateLimited): CredentialResult {
  if (!('status' in result)) return result;
  const { outcome, status } = result;
  const isFailure = outcome.kind === 'retry' || outcome.kind === 'review';
  if (isFailure && [401, 402, 403, 429].includes(status)) return outcome;
  return retryLater(`token-${isFailure && status === 0 ? outcome.code : status}`, { stop: true });
}

function parseToken({ outcome }: CallResult, appId: string, now: number): Token | undefined {
  const parsed = v.safeParse(tokenResponse, outcome.kind === 'ok' ? outcome.json : undefined);
  if (!parsed.success) return undefined;
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
  const name = projectSecretName(project);
  return async options => {
    const text = await readSecret(name, options).catch(() => '');
    const parsed = v.safeParse(keysSchema, parseJson(text)?.value);
    return parsed.success ? parsed.output : undefined;
  };
}
