import type { SandboxAnswer } from './message.ts';
import { badRequest, methodNotAllowed, routeNotFound } from './refusals.ts';

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
