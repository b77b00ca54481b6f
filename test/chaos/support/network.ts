import { type HttpCall, type HttpResult, maxResponseBytes, type Send } from '../../../lambda/io/http-client.ts';
import { type Environment, type Lifecycle, never, type Served } from './environment.ts';
import { type Fault, takesEffect } from './faults.ts';

/** Maximum time that a stalled machine is frozen, in milliseconds. */
const longestFreeze = 180_000;

interface Connection {
  readonly port: 'voucherify' | 'callback';
  /** The machine's own clock. */
  readonly now: () => number;
  /** Called when the call leaves the machine. */
  readonly sent: (call: HttpCall) => void;
  readonly arrives: (call: HttpCall) => Served;
  /** Returns whether a false 404 may be injected. */
  readonly canDeny?: (call: HttpCall) => boolean;
}

/** Returns a `Send` that injects a fault into each call. Like the real one, it enforces one deadline per call. */
export function faultySend(connection: Connection, environment: Environment, lifecycle: Lifecycle): Send {
  return async call => {
    await lifecycle.whenRunning();
    const fault = applicableFault(call, environment.chooseFault(connection.port, call.method), connection);
    if (connection.now() >= call.until) return noResponse('timed-out', false);
    connection.sent(call);
    await environment.transmit(connection.port, fault === 'slow');
    if (!lifecycle.isAlive()) return finishAfterCrash(call, fault, connection, environment);
    if (fault === 'crash-before') return lifecycle.crash();
    const served = takesEffect(fault) ? transmitCall(call, fault, connection) : undefined;
    if (fault === 'crash-after') return lifecycle.crash();
    return receiveResponse(call, fault, served, connection, environment, lifecycle);
  };
}

/** Returns the fault, or none where a false 404 cannot be injected, or where only look-ups can have it. */
function applicableFault(call: HttpCall, drawn: Fault, { canDeny }: Connection): Fault {
  if (drawn === 'rejected' || drawn === 'oversized') return call.method === 'GET' ? drawn : 'ok';
  return drawn === 'denied' && canDeny?.(call) !== true ? 'ok' : drawn;
}

/** A call that had left the machine before the crash may still arrive. */
function finishAfterCrash(
  call: HttpCall,
  fault: Fault,
  connection: Connection,
  { random }: Environment,
): Promise<never> {
  if (takesEffect(fault) && random.chance(0.5)) connection.arrives(call);
  return never();
}

/** After a reset of a reused connection the call is sent again if it is repeatable. */
function transmitCall(call: HttpCall, fault: Fault, connection: Connection): Served {
  const first = connection.arrives(call);
  if (fault !== 'reset') return first;
  if (call.repeatable !== true) return 'cut';
  connection.sent(call);
  return connection.arrives(call);
}

async function receiveResponse(
  call: HttpCall,
  fault: Fault,
  served: Served | undefined,
  connection: Connection,
  environment: Environment,
  lifecycle: Lifecycle,
): Promise<HttpResult> {
  await environment.transmit(connection.port, fault === 'slow');
  const silent = served === 'silent' || fault === 'hang' || (fault === 'cut-after' && environment.random.chance(0.5));
  if (silent) await environment.wait(call.until - connection.now());
  if (fault === 'stall') lifecycle.freeze(environment.random.between(1000, longestFreeze));
  await lifecycle.whenRunning();
  if (silent || connection.now() > call.until) return noResponse('timed-out', true);
  return withinLimit(call, responseFor(fault, served, environment));
}

/** Like the real client, it reads a response up to the limit of its call. */
function withinLimit(call: HttpCall, result: HttpResult): HttpResult {
  if (result.kind !== 'response') return result;
  const isTooLarge = Buffer.byteLength(result.body) > (call.maxResponseBytes ?? maxResponseBytes);
  return isTooLarge ? noResponse('too-large', true) : result;
}

function responseFor(fault: Fault, served: Served | undefined, { random }: Environment): HttpResult {
  switch (fault) {
    case 'throttled':
      return answer(429, '{"code":429,"message":"Too many requests"}', { 'retry-after': String(1 + random.below(30)) });
    case 'refused':
    case 'refused-after':
      return answer(random.pick([500, 502, 503, 504]), '<html>not now</html>');
    case 'malformed':
    case 'malformed-after':
      return answer(200, random.pick(['{}', '<html>fine</html>', '{"status":"DONE"', '[]', '']));
    case 'rejected':
      return answer(random.pick([400, 422]), '{"key":"invalid_query_params"}');
    case 'oversized':
      return noResponse('too-large', true);
    case 'denied':
      return answer(404, '{"code":404,"key":"not_found","resource_type":"customer"}');
    case 'cut-before':
      return random.chance(0.5) ? noResponse('not-connected', false) : noResponse('connection-lost', true);
    case 'cut-after':
      return noResponse('connection-lost', true);
    default:
      return typeof served === 'object' ? served : noResponse('connection-lost', true);
  }
}

function answer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpResult {
  return { kind: 'response', status, headers, body };
}

type Lost = Extract<HttpResult, { kind: 'no-response' }>;

function noResponse(code: Lost['code'], mayHaveExecuted: boolean): HttpResult {
  return { kind: 'no-response', code, mayHaveExecuted };
}
