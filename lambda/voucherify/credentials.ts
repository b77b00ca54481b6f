import * as v from 'valibot';
import { parseOrUndefined } from '../io/json.ts';
import type { OutboundResult } from '../io/outbound.ts';
import type { GatedSend, Held } from './gate.ts';
import type { Keys, ReadKeys } from './keys.ts';

/** What proves us to Voucherify, and the app id it was made under. */
export interface Credentials {
  readonly kind: 'credentials';
  readonly appId: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Credentials, or what stood in the way of them. */
export type Proving = Credentials | { readonly kind: 'no-keys' } | OutboundResult | Held;

/** Credentials for one call; after a 401, when a key may have been rotated or a token may have ended, not those again. */
export type Prove = (send: GatedSend, until: number, refused?: Credentials) => Promise<Proving>;

/** The application key itself, in two headers (Voucherify docs, Authentication). */
export function byApiKey(readKeys: ReadKeys): Prove {
  return async (_send, _until, refused) => {
    const keys = await readKeys({ fresh: refused !== undefined });
    return keys === undefined
      ? { kind: 'no-keys' }
      : { kind: 'credentials', appId: keys.appId, headers: keyHeaders(keys) };
  };
}

function keyHeaders({ appId, appToken }: Keys): Record<string, string> {
  return { 'X-App-Id': appId, 'X-App-Token': appToken };
}

interface Token {
  readonly credentials: Credentials;
  readonly endsAt: number;
}

const tokenAnswer = v.object({
  access_token: v.pipe(v.string(), v.regex(/^[\x21-\x7e]+$/)),
  expires_in: v.pipe(v.number(), v.minValue(1)),
});

/** A token is not used in its last minute. */
const spareMs = 60_000;

/**
 * A token by OAuth client credentials, scope `customers`, shared by the process until shortly before it ends (Voucherify
 * OpenAPI, Generate OAuth 2.0 Token: 900 s, a thousand tokens a project). A refused one is replaced once for everybody
 * who holds it, and with the newest keys.
 */
export function byOauth(baseUrl: string, readKeys: ReadKeys, now: () => number): Prove {
  let shared: Token | undefined;
  let asking: Promise<Proving> | undefined;
  const askWith = async (keys: Keys, send: GatedSend, until: number): Promise<Proving> => {
    const answer = await send(tokenCall(baseUrl, keys, until));
    const token = answer.kind === 'answer' ? tokenFrom(answer, keys.appId, now()) : undefined;
    shared = token ?? shared;
    return token === undefined ? withoutToken(answer) : token.credentials;
  };
  const ask = async (send: GatedSend, until: number, fresh: boolean): Promise<Proving> => {
    const keys = await readKeys({ fresh });
    if (keys === undefined) return { kind: 'no-keys' };
    const first = await askWith(keys, send, until);
    if (first.kind !== 'answer' || first.status !== 401) return first;
    const newest = await readKeys({ fresh: true });
    return newest === undefined || isSame(keys, newest) ? first : askWith(newest, send, until);
  };
  return async (send, until, refused) => {
    if (shared?.credentials === refused) shared = undefined;
    if (shared !== undefined && shared.endsAt > now()) return shared.credentials;
    asking ??= ask(send, until, refused !== undefined).finally(() => {
      asking = undefined;
    });
    return asking;
  };
}

function isSame(a: Keys, b: Keys): boolean {
  return a.appId === b.appId && a.appToken === b.appToken;
}

function tokenCall(baseUrl: string, keys: Keys, until: number): Parameters<GatedSend>[0] {
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
 * An answer about tokens must never pass for one about customers: only what says that nobody may call is handed on, and
 * whatever else went wrong has done nothing to a customer.
 */
function withoutToken(answer: OutboundResult | Held): Proving {
  if (answer.kind === 'held') return answer;
  if (answer.kind === 'no-answer') return { kind: 'held', code: `token-${answer.code}` };
  return [401, 402, 403, 429].includes(answer.status) ? answer : { kind: 'held', code: `token-${answer.status}` };
}

function tokenFrom(answer: { status: number; body: string }, appId: string, now: number): Token | undefined {
  const parsed = v.safeParse(tokenAnswer, parseOrUndefined(answer.body)?.value);
  if (answer.status !== 200 || !parsed.success) return undefined;
  const { access_token, expires_in } = parsed.output;
  const credentials = { kind: 'credentials', appId, headers: { Authorization: `Bearer ${access_token}` } } as const;
  return { credentials, endsAt: now + expires_in * 1000 - spareMs };
}
