import type { SQLTagStore } from 'node:sqlite';
import * as v from 'valibot';
import { jsonAnswer, type SandboxAnswer } from './message.ts';
import { badRequest } from './refusals.ts';
import type { SandboxContext } from './world.ts';

const LIFE_SECONDS = 900;

/** The scopes that open the endpoints the sandbox has; it knows no others. */
const SCOPES = ['api', 'customers'];

/**
 * A bearer token of 900 s for a key (Voucherify docs, Generate OAuth 2.0 Token): `form` is the form-encoded
 * `grant_type` and space-separated `scope`. 400 `missing_parameters`, `invalid_grant_type` or `invalid_scope`.
 */
export function grantToken(world: SandboxContext, appId: string, form: string): SandboxAnswer {
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
  return tokenAnswer(world, appId, scope);
}

function tokenAnswer({ sql, now, random }: SandboxContext, appId: string, scope: string): SandboxAnswer {
  const token = `${random()}${random()}`;
  const issued = Math.floor(now() / 1000);
  const expires = issued + LIFE_SECONDS;
  sql.run`DELETE FROM tokens WHERE expires_at <= ${issued}`;
  sql.run`INSERT INTO tokens (token, app_id, expires_at) VALUES (${token}, ${appId}, ${expires})`;
  return jsonAnswer(200, {
    access_token: token,
    client_id: appId,
    expires_at: expires,
    expires_in: LIFE_SECONDS,
    scope,
    token_type: 'Bearer',
  });
}

const tokenSchema = v.object({ app_id: v.string() });

/** The app id of a token that has not expired at `now` (epoch milliseconds). */
export function findToken(sql: SQLTagStore, token: string, now: number): string | undefined {
  const row = sql.get`SELECT app_id FROM tokens WHERE token = ${token} AND expires_at * 1000 > ${now}`;
  return row === undefined ? undefined : v.parse(tokenSchema, row).app_id;
}
