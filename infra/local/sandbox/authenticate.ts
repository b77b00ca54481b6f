import type { SQLTagStore } from 'node:sqlite';
import * as v from 'valibot';
import type { SandboxContext, SandboxKey } from './context.ts';
import { badRequest, jsonResponse, type SandboxResponse } from './responses.ts';

/** The authenticated caller, and how it authenticated. */
export interface Caller extends Pick<SandboxKey, 'appId' | 'project'> {
  readonly by: 'key' | 'token';
}

/**
 * Authenticates a request by `X-App-Id` and `X-App-Token`, or by `Authorization: Bearer` (Voucherify docs,
 * Authentication). Deleting a key invalidates its bearer tokens at once; regenerating its app token does not. Returns
 * undefined for missing or wrong credentials.
 */
export function authenticate(context: SandboxContext, headers: Readonly<Record<string, string>>): Caller | undefined {
  const bearer = /^Bearer (\S+)$/i.exec(headers['authorization'] ?? '')?.[1];
  if (bearer !== undefined) {
    const appId = findToken(context.sql, bearer, context.now());
    return buildCaller(appId === undefined ? undefined : context.keys.byAppId(appId), 'token');
  }
  return buildCaller(context.keys.matching(headers['x-app-id'], headers['x-app-token']), 'key');
}

function buildCaller(key: SandboxKey | undefined, by: Caller['by']): Caller | undefined {
  return key === undefined ? undefined : { appId: key.appId, project: key.project, by };
}

const LIFE_SECONDS = 900;

/** The scopes that permit the sandbox's endpoints; others are invalid. */
const SCOPES = ['api', 'customers', 'redemptions', 'publications', 'vouchers', 'loyalties'];

/**
 * Issues a bearer token for a key, valid for 900 s (Voucherify docs, Generate OAuth 2.0 Token). `form` contains the
 * form-encoded `grant_type` and space-separated `scope`. 400 `missing_parameters`, `invalid_grant_type` or
 * `invalid_scope` otherwise.
 */
export function grantToken(context: SandboxContext, appId: string, form: string): SandboxResponse {
  const fields = new URLSearchParams(form);
  const grantType = fields.get('grant_type') ?? '';
  const scope = fields.get('scope') ?? '';
  if (grantType === '' || scope === '') {
    return badRequest('missing_parameters', 'Missing parameters');
  }
  if (grantType !== 'client_credentials') {
    return badRequest('invalid_grant_type', 'Invalid grant_type');
  }
  if (!scope.split(' ').every(one => SCOPES.includes(one))) {
    return badRequest('invalid_scope', `Invalid scope: ${scope}`);
  }
  return tokenResponse(context, appId, scope);
}

function tokenResponse({ sql, now, random }: SandboxContext, appId: string, scope: string): SandboxResponse {
  const token = `${random()}${random()}`;
  const issued = Math.floor(now() / 1000);
  const expires = issued + LIFE_SECONDS;
  sql.run`DELETE FROM tokens WHERE expires_at <= ${issued}`;
  sql.run`INSERT INTO tokens (token, app_id, expires_at) VALUES (${token}, ${appId}, ${expires})`;
  return jsonResponse(200, {
    access_token: token,
    client_id: appId,
    expires_at: expires,
    expires_in: LIFE_SECONDS,
    scope,
    token_type: 'Bearer',
  });
}

const tokenSchema = v.object({ app_id: v.string() });

/** Returns the app id of a token that has not expired at `now` (epoch milliseconds). */
function findToken(sql: SQLTagStore, token: string, now: number): string | undefined {
  const row = sql.get`SELECT app_id FROM tokens WHERE token = ${token} AND expires_at * 1000 > ${now}`;
  return row === undefined ? undefined : v.parse(tokenSchema, row).app_id;
}
