import * as v from 'valibot';
import { authenticate, type Caller } from './authenticate.ts';
import { type Outage, type SandboxContext, Unreachable } from './context.ts';
import { logCall, removeDeleted, transaction } from './database.ts';
import {
  cycleExhausted,
  htmlError,
  type SandboxRequest,
  type SandboxResponse,
  tooManyRequests,
  unauthorized,
  wrongMediaType,
} from './responses.ts';
import type { SandboxOperation } from './routes.ts';
import { findRoute, OPERATIONS, type SandboxRoute } from './routes.ts';

/**
 * Responds to one request: authenticates the caller, counts the call, runs the endpoint and writes the log, in one
 * transaction. Every response to a known caller has the rate-limit headers. Throws {@link Unreachable} in an outage `down`
 * or `hang`, when no response must be sent.
 */
export function sandboxResponse(
  context: SandboxContext,
  request: SandboxRequest,
  outage: Outage | undefined,
): SandboxResponse {
  const route = findRoute(request.method, request.target);
  return outage === undefined
    ? respondNormally(context, request, route)
    : respondInOutage(context, request, route, outage);
}

function respondNormally(context: SandboxContext, request: SandboxRequest, route: SandboxRoute): SandboxResponse {
  return transaction(context.sql, () => {
    removeDeleted(context);
    const caller = authenticate(context, request.headers);
    const answer = caller === undefined ? unauthorized() : respondWithinQuota(context, request, route, caller);
    log(context, request, route, { status: answer.status, project: caller?.project ?? null });
    return answer;
  });
}

function respondWithinQuota(
  context: SandboxContext,
  request: SandboxRequest,
  route: SandboxRoute,
  caller: Caller,
): SandboxResponse {
  const quota = countCall(context, caller.project);
  const answer = quota.allowed ? runEndpoint(context, request, route, caller) : tooManyRequests();
  return { ...answer, headers: { ...answer.headers, ...quota.headers } };
}

function runEndpoint(
  context: SandboxContext,
  request: SandboxRequest,
  route: SandboxRoute,
  caller: Caller,
): SandboxResponse {
  if (route.kind === 'unknown') {
    return route.refusal;
  }
  const { kind, id, query } = route;
  return checkMediaTypes(kind, request) ?? OPERATIONS[kind](context, { caller, id, query, body: request.body });
}

const outageResponses = { error: htmlError, quota: cycleExhausted, key: unauthorized };

function respondInOutage(
  context: SandboxContext,
  request: SandboxRequest,
  route: SandboxRoute,
  outage: Outage,
): SandboxResponse {
  const answer = outage === 'down' || outage === 'hang' ? undefined : outageResponses[outage]();
  log(context, request, route, { status: answer?.status ?? 0, project: null });
  if (answer === undefined) {
    throw new Unreachable(outage === 'down' ? 'down' : 'hang');
  }
  return answer;
}

function log(
  context: SandboxContext,
  request: SandboxRequest,
  route: SandboxRoute,
  end: { status: number; project: string | null },
): void {
  logCall(context.sql, { at: context.now(), method: request.method, kind: route.kind, ...end });
}

/** Whether a call is within the limit, and the rate-limit headers of its response. */
interface Quota {
  readonly allowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

const windowSchema = v.object({ starts: v.number(), used: v.number() });

/**
 * Counts one call in the project's fixed window. `x-rate-limit-retry` is always the epoch second at which the window ends;
 * `retry-after`, in seconds, is sent only with a 429 (Voucherify docs, API limits).
 */
function countCall({ sql, limit, now }: SandboxContext, project: string): Quota {
  const period = limit.periodSeconds * 1000;
  const starts = Math.floor(now() / period) * period;
  const row = sql.get`SELECT starts, used FROM windows WHERE project = ${project} AND starts = ${starts}`;
  const used = row === undefined ? 0 : v.parse(windowSchema, row).used;
  const allowed = used < limit.calls;
  const total = allowed ? used + 1 : used;
  sql.run`INSERT OR REPLACE INTO windows (project, starts, used) VALUES (${project}, ${starts}, ${total})`;
  const headers = {
    'x-rate-limit-limit': String(limit.calls),
    'x-rate-limit-remaining': String(limit.calls - total),
    'x-rate-limit-retry': String(Math.ceil((starts + period) / 1000)),
  };
  const wait = Math.ceil((starts + period - now()) / 1000);
  return { allowed, headers: allowed ? headers : { ...headers, 'retry-after': String(wait) } };
}

/**
 * Returns 406 if `Accept` excludes JSON, and 415 if the body's type is not the endpoint's: a form for tokens, JSON for all
 * others (Voucherify docs, Errors). A request without a body needs no `Content-Type`.
 */
function checkMediaTypes(kind: SandboxOperation, request: SandboxRequest): SandboxResponse | undefined {
  const accepted = typesOf(request.headers['accept'] ?? '*/*');
  if (!accepted.some(type => ['*/*', 'application/*', 'application/json'].includes(type))) {
    return wrongMediaType(406, 'only application/json is available');
  }
  const expected = kind === 'token' ? 'application/x-www-form-urlencoded' : 'application/json';
  const [sent] = typesOf(request.headers['content-type'] ?? (request.body === '' ? expected : ''));
  return sent === expected ? undefined : wrongMediaType(415, `only ${expected} is supported`);
}

function typesOf(header: string): string[] {
  return header.split(',').map(one => one.replace(/;.*/, '').trim().toLowerCase());
}
