import { type Caller, callerOf } from './caller.ts';
import { transaction } from './database.ts';
import { logCall } from './logs.ts';
import { mediaTypeRefusal } from './media-types.ts';
import type { SandboxAnswer, SandboxRequest } from './message.ts';
import { OPERATIONS } from './operations.ts';
import { type Outage, Unreachable } from './outage.ts';
import { spendCall } from './quota.ts';
import { htmlError, tooManyRequests, unauthorized } from './refusals.ts';
import { routeOf, type SandboxRoute } from './routes.ts';
import type { SandboxContext } from './world.ts';

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
