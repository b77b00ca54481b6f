import type { Caller } from './caller.ts';
import { softDeleteCustomer } from './change-customers.ts';
import { isoNow, requestId, type SandboxContext } from './context.ts';
import { createAnswer, customerBody } from './create-customer.ts';
import type { StoredCustomer } from './customer.ts';
import { findCustomer } from './find-customers.ts';
import { listAnswer } from './list-customers.ts';
import { permanentDeletionAnswer } from './permanent-deletion.ts';
import {
  badRequest,
  customerNotFound,
  jsonAnswer,
  methodNotAllowed,
  routeNotFound,
  type SandboxAnswer,
  unauthorized,
} from './responses.ts';
import { grantToken } from './tokens.ts';

/** The operations that the sandbox knows. */
export type SandboxOperation = 'list' | 'create' | 'get' | 'delete' | 'permanent-deletion' | 'token';

/** Where a request goes: an operation with the decoded id of its path (empty where it has none), or a refusal. */
export type SandboxRoute =
  | { readonly kind: SandboxOperation; readonly id: string; readonly query: URLSearchParams }
  | { readonly kind: 'unknown'; readonly refusal: SandboxAnswer };

interface Endpoint {
  readonly path: RegExp;
  readonly kinds: Readonly<Record<string, SandboxOperation>>;
}

const ENDPOINTS: readonly Endpoint[] = [
  { path: /^\/v1\/oauth\/token\/?$/, kinds: { POST: 'token' } },
  { path: /^\/v1\/customers\/?$/, kinds: { GET: 'list', POST: 'create' } },
  { path: /^\/v1\/customers\/([^/]+)\/?$/, kinds: { GET: 'get', DELETE: 'delete' } },
  { path: /^\/v1\/customers\/([^/]+)\/permanent-deletion\/?$/, kinds: { POST: 'permanent-deletion' } },
];

/**
 * Finds the operation as an ordinary web server would, hazards included: dot segments, encoded or not, are resolved
 * first, a trailing slash is ignored (so an empty id lists everybody), a segment is decoded only after the split (so
 * `%2F` belongs to the id), and an empty segment in the middle is no endpoint.
 */
export function routeOf(method: string, target: string): SandboxRoute {
  const url = new URL(`http://sandbox${target.startsWith('/') ? '' : '/'}${target}`);
  for (const { path, kinds } of ENDPOINTS) {
    const match = path.exec(url.pathname);
    if (match !== null) {
      return operationOf(kinds, method, match[1] ?? '', url.searchParams);
    }
  }
  return { kind: 'unknown', refusal: routeNotFound() };
}

function operationOf(kinds: Endpoint['kinds'], method: string, segment: string, query: URLSearchParams): SandboxRoute {
  const kind = Object.hasOwn(kinds, method) ? kinds[method] : undefined;
  if (kind === undefined) {
    return { kind: 'unknown', refusal: methodNotAllowed(method, Object.keys(kinds)) };
  }
  const id = decoded(segment);
  if (id === undefined) {
    return {
      kind: 'unknown',
      refusal: badRequest('invalid_payload', 'Bad Request', 'The path is not percent-encoded.'),
    };
  }
  return { kind, id, query };
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** One call of a known caller to a known endpoint. */
interface Call {
  readonly caller: Caller;
  /** The decoded id of the path; empty for the endpoints that have none. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/** What each endpoint does. */
export const OPERATIONS: Readonly<Record<SandboxOperation, (world: SandboxContext, call: Call) => SandboxAnswer>> = {
  list: (world, { caller, query }) => listAnswer(world, caller.project, query),
  create: (world, { caller, body }) => createAnswer(world, caller.project, body),
  get: (world, call) => withCustomer(world, call, customer => jsonAnswer(200, customerBody(customer))),
  delete: (world, call) => withCustomer(world, call, customer => softDeleteAnswer(world, customer)),
  'permanent-deletion': (world, { caller, id }) => permanentDeletionAnswer(world, caller.project, id),
  token: (world, { caller, body }) => (caller.by === 'key' ? grantToken(world, caller.appId, body) : unauthorized()),
};

function withCustomer(
  world: SandboxContext,
  call: Call,
  work: (customer: StoredCustomer) => SandboxAnswer,
): SandboxAnswer {
  const customer = findCustomer(world.sql, call.caller.project, call.id);
  return customer === undefined ? customerNotFound(call.id, requestId(world)) : work(customer);
}

function softDeleteAnswer(world: SandboxContext, customer: StoredCustomer): SandboxAnswer {
  softDeleteCustomer(world.sql, customer.id, isoNow(world));
  return { status: 204, headers: {}, body: '' };
}
