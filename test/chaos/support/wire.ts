import type { HttpCall, HttpResult, Send } from '../../../lambda/io/http-client.ts';
import { type Fate, reaches } from './faults.ts';
import type { Life } from './life.ts';
import { never } from './life.ts';
import type { Outside, Served } from './outside.ts';

/** How long a call to somebody who hangs or freezes may take at most, in milliseconds. */
const longestFreeze = 180_000;

interface Wire {
  readonly port: 'voucherify' | 'callback';
  /** The machine's own clock. */
  readonly now: () => number;
  /** Told when the call leaves the machine. */
  readonly sent: (call: HttpCall) => void;
  readonly arrives: (call: HttpCall) => Served;
}

/** A sender over a wire on which every call has its fate. It keeps the one deadline of a call, as the real one does. */
export function faultySend(wire: Wire, outside: Outside, life: Life): Send {
  return async call => {
    await life.awake();
    const fate = fateOf(call, outside.fates(wire.port, call.method));
    if (wire.now() >= call.until) return noAnswer('timed-out', false);
    wire.sent(call);
    await outside.travel(wire.port, fate === 'slow');
    if (!life.isAlive()) return afterDeath(call, fate, wire, outside);
    if (fate === 'crash-before') return life.crash();
    const served = reaches(fate) ? arrivals(call, fate, wire) : undefined;
    if (fate === 'crash-after') return life.crash();
    return comesBack(call, fate, served, wire, outside, life);
  };
}

/** Only a deletion is denied. */
function fateOf({ url }: HttpCall, drawn: Fate): Fate {
  return drawn === 'denied' && !url.pathname.endsWith('/permanent-deletion') ? 'ok' : drawn;
}

/** What was on its way when the machine died may still arrive. */
function afterDeath(call: HttpCall, fate: Fate, wire: Wire, { random }: Outside): Promise<never> {
  if (reaches(fate) && random.chance(0.5)) wire.arrives(call);
  return never();
}

/** A reset of a connection that was used before: the sender sends the call again, if it may be repeated. */
function arrivals(call: HttpCall, fate: Fate, wire: Wire): Served {
  const first = wire.arrives(call);
  if (fate !== 'reset') return first;
  if (call.repeatable !== true) return 'cut';
  wire.sent(call);
  return wire.arrives(call);
}

async function comesBack(
  call: HttpCall,
  fate: Fate,
  served: Served | undefined,
  wire: Wire,
  outside: Outside,
  life: Life,
): Promise<HttpResult> {
  await outside.travel(wire.port, fate === 'slow');
  const silent = served === 'silent' || fate === 'hang' || (fate === 'cut-after' && outside.random.chance(0.5));
  if (silent) await outside.wait(call.until - wire.now());
  if (fate === 'stall') life.freeze(outside.random.between(1000, longestFreeze));
  await life.awake();
  if (silent || wire.now() > call.until) return noAnswer('timed-out', true);
  return answered(fate, served, outside);
}

function answered(fate: Fate, served: Served | undefined, { random }: Outside): HttpResult {
  switch (fate) {
    case 'throttled':
      return answer(429, '{"code":429,"message":"Too many requests"}', { 'retry-after': String(1 + random.below(30)) });
    case 'refused':
    case 'refused-after':
      return answer(random.pick([500, 502, 503, 504]), '<html>not now</html>');
    case 'malformed':
    case 'malformed-after':
      return answer(200, random.pick(['{}', '<html>fine</html>', '{"status":"DONE"', '[]', '']));
    case 'denied':
      return answer(404, '{"code":404,"key":"not_found","resource_type":"customer"}');
    case 'cut-before':
      return random.chance(0.5) ? noAnswer('not-connected', false) : noAnswer('connection-lost', true);
    case 'cut-after':
      return noAnswer('connection-lost', true);
    default:
      return typeof served === 'object' ? served : noAnswer('connection-lost', true);
  }
}

function answer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpResult {
  return { kind: 'answer', status, headers, body };
}

type Lost = Extract<HttpResult, { kind: 'no-answer' }>;

function noAnswer(code: Lost['code'], mayHaveExecuted: boolean): HttpResult {
  return { kind: 'no-answer', code, mayHaveExecuted };
}
