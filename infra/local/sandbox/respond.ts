import * as v from 'valibot';
import { type Caller, callerOf } from './caller.ts';
import { type Outage, type SandboxContext, Unreachable } from './context.ts';
import { transaction } from './database.ts';
import { logCall } from './logs.ts';
import {
  htmlError,
  type SandboxAnswer,
  type SandboxRequest,
  tooManyRequests,
  unauthorized,
  wrongMediaType,
} from './responses.ts';
import type { SandboxOperation } from './routes.ts';
import { OPERATIONS, routeOf, type SandboxRoute } from './routes.ts';

/**
 * Answers one request and keeps what it did, both or neither: caller, quota, endpoint, log. Every answer to a known
 * caller bears the rate-limit headers.
 * @throws {Unreachable} in an outage `down` or `hang`: nothing is done and nothing is to be sent.
 */
export function sandboxResponse(
  world: SandboxContext,
  request: SandboxRequest,
  outage: Outage | undefined,
): SandboxAnswer {
  const route = routeOf(request.method, request.target);
  return outage === undefined ? served(world, request, route) : unserved(world, request, route, outage);
}

function served(world: SandboxContext, request: SandboxRequest, route: SandboxRoute): SandboxAnswer {
  return transaction(world.sql, () => {
    const caller = callerOf(world, request.headers);
    const answer = caller === undefined ? unauthorized() : limited(world, request, route, caller);
    log(world, request, route, { status: answer.status, project: caller?.project ?? null });
    return answer;
  });
}

function limited(world: SandboxContext, request: SandboxRequest, route: SandboxRoute, caller: Caller): SandboxAnswer {
  const quota = spendCall(world, caller.project);
  const answer = quota.allowed ? performed(world, request, route, caller) : tooManyRequests();
  return { ...answer, headers: { ...answer.headers, ...quota.headers } };
}

function performed(world: SandboxContext, request: SandboxRequest, route: SandboxRoute, caller: Caller): SandboxAnswer {
  if (route.kind === 'unknown') {
    return route.refusal;
  }
  const { kind, id, query } = route;
  return mediaTypeRefusal(kind, request) ?? OPERATIONS[kind](world, { caller, id, query, body: request.body });
}

function unserved(world: SandboxContext, request: SandboxRequest, route: SandboxRoute, outage: Outage): SandboxAnswer {
  const answer = htmlError();
  log(world, request, route, { status: outage === 'error' ? answer.status : 0, project: null });
  if (outage !== 'error') {
    throw new Unreachable(outage);
  }
  return answer;
}

function log(
  world: SandboxContext,
  request: SandboxRequest,
  route: SandboxRoute,
  end: { status: number; project: string | null },
): void {
  logCall(world.sql, { at: world.now(), method: request.method, kind: route.kind, ...end });
}

/** Whether a call is within the limit, and the headers that tell the caller how they stand. */
interface Quota {
  readonly allowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

const windowSchema = v.object({ starts: v.number(), used: v.number() });

/**
 * Spends one call of the project's fixed window. `x-rate-limit-retry` is the epoch second at which the window ends, so
 * also when calls remain; `retry-after`, in seconds, comes only with a refusal (Voucherify docs, API limits).
 */
function spendCall({ sql, limit, now }: SandboxContext, project: string): Quota {
  const period = limit.periodSeconds * 1000;
  const starts = Math.floor(now() / period) * period;
  const row = sql.get`SELECT starts, used FROM windows WHERE project = ${project} AND starts = ${starts}`;
  const used = row === undefined ? 0 : v.parse(windowSchema, row).used;
  const allowed = used < limit.calls;
  const spent = allowed ? used + 1 : used;
  sql.run`INSERT OR REPLACE INTO windows (project, starts, used) VALUES (${project}, ${starts}, ${spent})`;
  const headers = {
    'x-rate-limit-limit': String(limit.calls),
    'x-rate-limit-remaining': String(limit.calls - spent),
    'x-rate-limit-retry': String(Math.ceil((starts + period) / 1000)),
  };
  const wait = Math.ceil((starts + period - now()) / 1000);
  return { allowed, headers: allowed ? headers : { ...headers, 'retry-after': String(wait) } };
}

/**
 * 406 when `Accept` leaves out JSON, 415 when a body comes as something else than the endpoint reads: a form for
 * tokens, JSON for the rest (Voucherify docs, Errors). No body needs no `Content-Type`.
 */
function mediaTypeRefusal(kind: SandboxOperation, request: SandboxRequest): SandboxAnswer | undefined {
  const accepted = typesOf(request.headers['accept'] ?? '*/*');
  if (!accepted.some(type => ['*/*', 'application/*', 'application/json'].includes(type))) {
    return wrongMediaType(406, 'only application/json is available');
  }
  const read = kind === 'token' ? 'application/x-www-form-urlencoded' : 'application/json';
  const [sent] = typesOf(request.headers['content-type'] ?? (request.body === '' ? read : ''));
  return sent === read ? undefined : wrongMediaType(415, `only ${read} is read here`);
}

function typesOf(header: string): string[] {
  return header.split(',').map(one => one.replace(/;.*/, '').trim().toLowerCase());
}
