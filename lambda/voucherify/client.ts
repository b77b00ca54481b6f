import { isPlainValue } from '../erasure.ts';
import type { OutboundResult, Send } from '../io/outbound.ts';
import type { Keys, ReadKeys } from './keys.ts';

/** What a call brought back, and the app id that it was made under. */
export interface Reply {
  readonly result: OutboundResult | { readonly kind: 'no-keys' };
  readonly appId: string;
}

/** The calls of one Voucherify project. None throws; `until` is the call's deadline in epoch milliseconds. */
export interface Voucherify {
  /** `GET /v1/customers/{id or source_id}` */
  lookUp(idOrSourceId: string, until: number): Promise<Reply>;
  /** `GET /v1/customers?email=`, one page of a hundred. */
  listByEmail(email: string, page: number, until: number): Promise<Reply>;
  /** `POST /v1/customers/{id}/permanent-deletion` */
  deletePermanently(customerId: string, until: number): Promise<Reply>;
}

/** Rows that are asked for at once: the largest page there is (Voucherify OpenAPI, List customers). */
export const pageSize = 100;

/** A client for one project: the only place that builds a URL of Voucherify. */
export function voucherify(baseUrl: string, keys: ReadKeys, send: Send): Voucherify {
  const call = (method: 'GET' | 'POST', url: URL, until: number) => sendWithKeys({ method, url, until }, keys, send);
  return {
    lookUp: (id, until) => call('GET', customerUrl(baseUrl, id), until),
    listByEmail: (email, page, until) => call('GET', listUrl(baseUrl, email, page), until),
    deletePermanently: (id, until) => call('POST', deletionUrl(baseUrl, id), until),
  };
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly until: number;
}

/** A refused key is fetched afresh once, since it may have been rotated; the same key again is not tried again. */
async function sendWithKeys(call: Call, readKeys: ReadKeys, send: Send): Promise<Reply> {
  const keys = await readKeys();
  if (keys === undefined) return { result: { kind: 'no-keys' }, appId: '' };
  const result = await send({ ...call, headers: headers(keys) });
  const refused = result.kind === 'answer' && result.status === 401;
  const fresh = refused ? await readKeys({ fresh: true }) : undefined;
  if (fresh === undefined || sameKeys(fresh, keys)) return { result, appId: keys.appId };
  return { result: await send({ ...call, headers: headers(fresh) }), appId: fresh.appId };
}

function sameKeys(a: Keys, b: Keys): boolean {
  return a.appId === b.appId && a.appToken === b.appToken;
}

/** Voucherify docs, Authentication and Versioning. */
function headers({ appId, appToken }: Keys): Record<string, string> {
  return {
    Accept: 'application/json',
    'X-App-Id': appId,
    'X-App-Token': appToken,
    'X-Voucherify-API-Version': 'v2018-08-01',
  };
}

/** Throws `RangeError` for an id that would end up anywhere but in its own path segment. */
export function deletionUrl(baseUrl: string, customerId: string): URL {
  return checked(baseUrl, customerId, '/permanent-deletion', /^\/v1\/customers\/([^/]+)\/permanent-deletion$/);
}

function customerUrl(baseUrl: string, id: string): URL {
  return checked(baseUrl, id, '', /^\/v1\/customers\/([^/]+)$/);
}

/** `URL` resolves dots even when they are encoded, so the finished path is what is checked. */
function checked(baseUrl: string, id: string, rest: string, shape: RegExp): URL {
  if (!isPlainValue(id)) throw new RangeError('customer id: cannot stand in a path');
  const url = new URL(`/v1/customers/${encodeURIComponent(id)}${rest}`, baseUrl);
  const segment = shape.exec(url.pathname)?.[1];
  if (segment === undefined || decodeURIComponent(segment) !== id || url.search !== '' || url.hash !== '') {
    throw new RangeError('customer id: cannot stand in a path');
  }
  return url;
}

/** A blank e-mail may list everybody, so none is ever sent. Throws `RangeError`. */
function listUrl(baseUrl: string, email: string, page: number): URL {
  if (!isPlainValue(email)) throw new RangeError('email: cannot stand in a query');
  const url = new URL('/v1/customers', baseUrl);
  url.search = new URLSearchParams({ email, limit: String(pageSize), page: String(page) }).toString();
  return url;
}
