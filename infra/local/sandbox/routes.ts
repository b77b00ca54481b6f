import type { Caller } from './authenticate.ts';
import { grantToken } from './authenticate.ts';
import { isoNow, requestId, type SandboxContext } from './context.ts';
import { customerBody, type StoredCustomer } from './customer.ts';
import { findCustomer, softDeleteCustomer } from './database.ts';
import {
  type RecordKind,
  respondToActivity,
  respondToCreate,
  respondToList,
  respondToMemberships,
  respondToPermanentDeletion,
  respondToRecords,
} from './endpoints.ts';
import {
  badRequest,
  customerNotFound,
  jsonResponse,
  methodNotAllowed,
  routeNotFound,
  type SandboxResponse,
  unauthorized,
} from './responses.ts';

/** The operations that the sandbox supports. */
export type SandboxOperation =
  | 'list'
  | 'create'
  | 'get'
  | 'delete'
  | 'permanent-deletion'
  | 'token'
  | RecordKind
  | 'memberships'
  | 'activity';

/** The operation of a request with the decoded id of its path (empty if it has none), or a refusal. */
export type SandboxRoute =
  | { readonly kind: SandboxOperation; readonly id: string; readonly query: URLSearchParams }
  | { readonly kind: 'unknown'; readonly refusal: SandboxResponse };

interface Endpoint {
  readonly path: RegExp;
  readonly kinds: Readonly<Record<string, SandboxOperation>>;
}

const ENDPOINTS: readonly Endpoint[] = [
  { path: /^\/v1\/oauth\/token\/?$/, kinds: { POST: 'token' } },
  { path: /^\/v1\/customers\/?$/, kinds: { GET: 'list', POST: 'create' } },
  { path: /^\/v1\/customers\/([^/]+)\/?$/, kinds: { GET: 'get', DELETE: 'delete' } },
  { path: /^\/v1\/redemptions\/?$/, kinds: { GET: 'redemptions' } },
  { path: /^\/v1\/publications\/?$/, kinds: { GET: 'publications' } },
  { path: /^\/v1\/vouchers\/?$/, kinds: { GET: 'vouchers' } },
  { path: /^\/v2\/loyalties\/memberships\/([^/]+)\/?$/, kinds: { GET: 'memberships' } },
  { path: /^\/v1\/customers\/([^/]+)\/activity\/?$/, kinds: { GET: 'activity' } },
  { path: /^\/v1\/customers\/([^/]+)\/permanent-deletion\/?$/, kinds: { POST: 'permanent-deletion' } },
];

/**
 * Finds the operation as a typical web server does, including its pitfalls: it resolves dot segments first, encoded or
 * not; it ignores a trailing slash (so an empty id lists all customers); it decodes a segment after the split (so `%2F`
 * belongs to the id); and an empty segment in the middle matches no endpoint.
 */
export function findRoute(method: string, target: string): SandboxRoute {
  const url = new URL(`http://sandbox${target.startsWith('/') ? '' : '/'}${target}`);
  for (const { path, kinds } of ENDPOINTS) {
    const match = path.exec(url.pathname);
    if (match !== null) {
      return findOperation(kinds, method, match[1] ?? '', url.searchParams);
    }
  }
  return { kind: 'unknown', refusal: routeNotFound() };
}

function findOperation(
  kinds: Endpoint['kinds'],
  method: string,
  segment: string,
  query: URLSearchParams,
): SandboxRoute {
  const kind = Object.hasOwn(kinds, method) ? kinds[method] : undefined;
  if (kind === undefined) {
    return { kind: 'unknown', refusal: methodNotAllowed(method, Object.keys(kinds)) };
  }
  const id = decodeSegment(segment);
  if (id === undefined) {
    return {
      kind: 'unknown',
      refusal: badRequest('invalid_payload', 'Bad Request', 'The path is not percent-encoded.'),
    };
  }
  return { kind, id, query };
}

function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** A call of an authenticated caller to an endpoint. */
interface Call {
  readonly caller: Caller;
  /** The decoded id of the path; empty for endpoints without one. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** The implementation of each operation. */
export const OPERATIONS: Readonly<Record<SandboxOperation, (context: SandboxContext, call: Call) => SandboxResponse>> =
  {
    list: (context, { caller, query }) => respondToList(context, caller.project, query),
    create: (context, { caller, body }) => respondToCreate(context, caller.project, body),
    get: (context, call) => withCustomer(context, call, customer => jsonResponse(200, customerBody(customer))),
    delete: (context, call) => withCustomer(context, call, customer => respondToSoftDelete(context, customer)),
    'permanent-deletion': (context, { caller, id }) => respondToPermanentDeletion(context, caller.project, id),
    redemptions: (context, { caller, query }) => respondToRecords(context, caller.project, 'redemptions', query),
    publications: (context, { caller, query }) => respondToRecords(context, caller.project, 'publications', query),
    vouchers: (context, { caller, query }) => respondToRecords(context, caller.project, 'vouchers', query),
    memberships: (context, { caller, id, query }) => respondToMemberships(context, caller.project, id, query),
    activity: (context, call) => withCustomer(context, call, customer => respondToActivity(customer, call.query)),
    token: (context, { caller, body }) =>
      caller.by === 'key' ? grantToken(context, caller.appId, body) : unauthorized(),
  };

function withCustomer(
  context: SandboxContext,
  call: Call,
  work: (customer: StoredCustomer) => SandboxResponse,
): SandboxResponse {
  const customer = findCustomer(context.sql, call.caller.project, call.id);
  return customer === undefined ? customerNotFound(call.id, requestId(context)) : work(customer);
}

function respondToSoftDelete(context: SandboxContext, customer: StoredCustomer): SandboxResponse {
  softDeleteCustomer(context.sql, customer.id, isoNow(context));
  return { status: 204, headers: {}, body: '' };
}
