import { isFinal } from '../../../lambda/receipts/receipt.ts';
import { broken } from '../support/bounds.ts';
import type { Fate, Port } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { type Ask, newAskOf, type What } from '../support/people.ts';
import { townOf } from '../support/population.ts';
import { openWorld, type World } from '../support/world.ts';

/** A short scenario that is repeated with a crash at each of its awaits. */
export interface Story {
  readonly name: string;
  readonly what: What;
  readonly projects: readonly [string, ...string[]];
  /** Milliseconds from the start at which the one request is delivered. */
  readonly deliveredAt: readonly number[];
  /** Outcomes of the first calls of an adapter, in order; all others succeed. */
  readonly script?: Partial<Record<Port, readonly Fate[]>>;
  /** Calls per minute, of which the service may use half; not a limit by default. */
  readonly callsPerMinute?: number;
}

const one = ['main'] as const;
const two = ['main', 'us'] as const;
const failing: readonly Fate[] = ['ok', 'refused', 'refused', 'cut-after'];

/** Together they pass every await of accept, attempt, sweep and callback. */
export const stories: readonly Story[] = [
  { name: 'deleted at once', what: 'source', projects: one, deliveredAt: [0] },
  {
    name: 'finished by the sweep, called back',
    what: 'source',
    projects: one,
    deliveredAt: [0],
    script: { voucherify: failing },
  },
  { name: 'an e-mail of three people in two projects', what: 'email', projects: two, deliveredAt: [0] },
  { name: 'the same, with failures', what: 'email', projects: two, deliveredAt: [0], script: { voucherify: failing } },
  { name: 'soft-deleted', what: 'soft', projects: one, deliveredAt: [0], script: { voucherify: ['ok', 'hang'] } },
  {
    name: 'delivered three times',
    what: 'source',
    projects: one,
    deliveredAt: [0, 30, 400],
    script: { voucherify: failing },
  },
  {
    name: 'a callback that is refused and lost',
    what: 'source',
    projects: one,
    deliveredAt: [0],
    script: { voucherify: ['refused'], callback: ['refused', 'cut-after'] },
  },
  { name: 'look-ups of several attempts', what: 'many', projects: one, deliveredAt: [0], callsPerMinute: 30 },
  { name: 'nobody', what: 'nobody', projects: two, deliveredAt: [0], script: { voucherify: ['hang', 'refused'] } },
];

export interface AwaitsNumbers {
  readonly violations: readonly string[];
  readonly awaits: number;
  readonly crashes: number;
  /** From a crash to the next attempt at worst, in milliseconds. */
  readonly slowestRecoveryMs: number;
}

/** A claim of a minute, a minute to the next sweep, and what the sweep's own calls take. */
const longestRecoveryMs = 120_500;

/** Runs a scenario once without a crash, and then with a crash before and after each of its awaits. */
export async function runAwaits(story: Story): Promise<AwaitsNumbers> {
  const clean = await tell(story);
  const violations = [...clean.violations];
  let slowestRecoveryMs = 0;
  // If it fails without a crash, hundreds of crashes add nothing.
  const calls = violations.length > 0 ? [] : clean.calls;
  for (const [index, call] of calls.entries()) {
    for (const when of ['crash-before', 'crash-after'] as const) {
      const told = await tell(story, { at: index + 1, when });
      violations.push(...told.violations.map(one => `${when} call ${index + 1}, ${call}: ${one}`));
      slowestRecoveryMs = Math.max(slowestRecoveryMs, told.recoveryMs);
    }
  }
  violations.push(...broken(['recovery in milliseconds', slowestRecoveryMs, longestRecoveryMs]));
  return { violations, awaits: clean.calls.length, crashes: 2 * clean.calls.length, slowestRecoveryMs };
}

interface Told {
  /** Port calls in all: each is an await at which the program can be cut off. */
  readonly calls: readonly string[];
  readonly violations: readonly string[];
  /** From the crash to the next attempt, in milliseconds; zero where nothing was left to do. */
  readonly recoveryMs: number;
}

/** Runs a scenario without a crash, or with one at call number `crashAt`, before or after its effect. */
async function tell(story: Story, crash?: { at: number; when: 'crash-before' | 'crash-after' }): Promise<Told> {
  const calls: string[] = [];
  const seen = new Map<Port, number>();
  let crashedAt: number | undefined;
  const world: World = openWorld({
    seed: 1,
    projects: story.projects,
    ...(story.callsPerMinute === undefined ? {} : { callsPerMinute: story.callsPerMinute }),
    mix: (port, verb) => {
      calls.push(`${port} ${verb}`);
      const count = seen.get(port) ?? 0;
      seen.set(port, count + 1);
      if (crash?.at !== calls.length) return story.script?.[port]?.[count] ?? 'ok';
      crashedAt = world.time.now();
      return crash.when;
    },
  });
  const ask: Ask = { ...newAskOf(story.what, 1, world.start, townOf(world)), callbacks: 2 };
  world.truth.ask(ask);
  const deliveries = story.deliveredAt.map(at => [at, ask] as const);
  await live(world, { deliveries, oddSweeps: 0, longest: 86_400_000, afterwards: 61_000 });
  await judge(world);
  const told = { calls, violations: world.truth.violations, recoveryMs: recovery(world, ask, crashedAt) };
  world.close();
  return told;
}

/** From a crash to the next attempt of a receipt that was left open. */
function recovery({ watch, time }: World, { uid }: Ask, crashedAt = Number.POSITIVE_INFINITY): number {
  const writes = watch.writes.get(uid) ?? [];
  const before = writes.findLast(({ at }) => at <= crashedAt);
  if (before === undefined || isFinal(before.receipt.state)) return 0;
  const claims = before.receipt.claims;
  const next = writes.find(({ at, receipt }) => at > crashedAt && (receipt.claims > claims || isFinal(receipt.state)));
  return (next?.at ?? time.now()) - crashedAt;
}
