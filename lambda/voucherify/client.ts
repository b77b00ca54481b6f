import { isPlainValue, isUsable } from '../domain/erasure.ts';
import type { HttpResult } from '../io/http-client.ts';
import type { LimitedSend, RateLimited } from '../quota/limited-client.ts';
import type { CredentialProvider, Credentials } from './credentials.ts';

/** The result of a call, and the app id that it was made with. */
export interface VoucherifyReply {
  readonly result: HttpResult | RateLimited | { readonly kind: 'no-credentials' };
  readonly appId: string;
}

/** The calls of one Voucherify project. None throws; `until` is the call's deadline in epoch milliseconds. */
export interface VoucherifyClient {
  /** `GET /v1/customers/{id or source_id}` */
  lookUp(idOrSourceId: string, until: number): Promise<VoucherifyReply>;
  /** `GET /v1/customers?email=`, one page. */
  listByEmail(email: string, page: number, until: number): Promise<VoucherifyReply>;
  /** `POST /v1/customers/{id}/permanent-deletion` */
  deletePermanently(customerId: string, until: number): Promise<VoucherifyReply>;
}

/** Rows per page: the maximum (Voucherify OpenAPI, List customers). */
const pageSize = 100;

/** Maximum size of a page in bytes: customers with metadata exceed the default response limit. */
const largestPage = 4_194_304;

/** Creates the client of one project for one attempt. */
export function createVoucherifyClient(
  baseUrl: string,
  prove: CredentialProvider,
  send: LimitedSend,
): VoucherifyClient {
  const get = (url: URL, until: number, more: Pick<Call, 'maxResponseBytes'> = {}) =>
    sendWithCredentials({ method: 'GET', url, until, repeatable: true, ...more }, prove, send);
  return {
    lookUp: (id, until) => get(customerUrl(baseUrl, id), until),
    listByEmail: (email, page, until) => get(listUrl(baseUrl, email, page), until, { maxResponseBytes: largestPage }),
    // Not repeatable: the pin is looked up before the deletion is sent again.
    deletePermanently: (id, until) =>
      sendWithCredentials({ method: 'POST', url: deletionUrl(baseUrl, id), until }, prove, send),
  };
}

interface Call {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly until: number;
  readonly maxResponseBytes?: number;
  readonly repeatable?: boolean;
}

/** Reads rejected credentials again once, since they may have been rotated; the same ones are not sent twice. */
async function sendWithCredentials(call: Call, prove: CredentialProvider, send: LimitedSend): Promise<VoucherifyReply> {
  const first = await prove(send, call.until);
  if (first.kind !== 'credentials') return { result: first, appId: '' };
  const result = await send({ ...call, headers: headers(first) });
  if (result.kind !== 'answer' || result.status !== 401) return { result, appId: first.appId };
  const second = await prove(send, call.until, first);
  if (second.kind !== 'credentials' || isSame(first, second)) return { result, appId: first.appId };
  return { result: await send({ ...call, headers: headers(second) }), appId: second.appId };
}

function isSame(a: Credentials, b: Credentials): boolean {
  return JSON.stringify(a.headers) === JSON.stringify(b.headers);
}

/** Voucherify docs, Versioning: the version is pinned, so that the project's own setting has no effect. */
function headers(credentials: Credentials): Record<string, string> {
  return { ...credentials.headers, Accept: 'application/json', 'X-Voucherify-API-Version': 'v2018-08-01' };
}

/** Returns the URL of a deletion. Throws `RangeError` for an id that would not stay in its own path segment. */
export function deletionUrl(baseUrl: string, customerId: string): URL {
  return checked(baseUrl, customerId, '/permanent-deletion', /^\/v1\/customers\/([^/]+)\/permanent-deletion$/);
}

function customerUrl(baseUrl: string, id: string): URL {
  return checked(baseUrl, id, '', /^\/v1\/customers\/([^/]+)$/);
}

/** Checks the finished path, because `URL` resolves dots even when they are encoded. */
function checked(baseUrl: string, id: string, rest: string, shape: RegExp): URL {
  const url = isPlainValue(id) ? new URL(`/v1/customers/${encodeURIComponent(id)}${rest}`, baseUrl) : undefined;
  const segment = shape.exec(url?.pathname ?? '')?.[1] ?? '';
  if (url === undefined || decodeURIComponent(segment) !== id || url.search !== '' || url.hash !== '') {
    throw new RangeError('customer id: cannot stand in a path');
  }
  return url;
}

/** Throws `RangeError` for a blank e-mail, which could list all customers. */
function listUrl(baseUrl: string, email: string, page: number): URL {
  if (!isUsable({ kind: 'email', value: email })) throw new RangeError('email: cannot stand in a query');
  const url = new URL('/v1/customers', baseUrl);
  url.search = new URLSearchParams({ email, limit: String(pageSize), page: String(page) }).toString();
  return url;
}
