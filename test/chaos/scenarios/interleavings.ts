import fc from 'fast-check';
import type { Fate } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { type Ask, newAskOf, type What } from '../support/people.ts';
import { townOf } from '../support/population.ts';
import { type Stepped, stepped } from '../support/stepped.ts';
import { openWorld, type World } from '../support/world.ts';

/** One interleaving of several deliveries of one request and several sweeps. */
interface Meeting {
  readonly what: What;
  readonly deliveries: number;
  /** When each sweep begins: after so many turns of others, and with the clock so many milliseconds further. */
  readonly sweeps: readonly { readonly turns: number; readonly laterMs: number }[];
  readonly callbacks: number;
  readonly projects: readonly [string, ...string[]];
  /** Outcomes of some of the calls, by number. */
  readonly fates: readonly (readonly [call: number, fate: Fate])[];
  /** Whether invocations also run out of time, at any moment. */
  readonly timeouts: boolean;
}

const fate = fc.constantFrom<Fate>(
  'crash-before',
  'crash-after',
  'cut-before',
  'cut-after',
  'refused',
  'hang',
  'stall',
  'stall',
  'throttled',
);

const meeting: fc.Arbitrary<Meeting> = fc.record({
  what: fc.constantFrom<What>('source', 'source', 'email', 'soft', 'nobody'),
  deliveries: fc.integer({ min: 2, max: 5 }),
  sweeps: fc.array(fc.record({ turns: fc.nat({ max: 40 }), laterMs: fc.constantFrom(0, 16_000, 80_000) }), {
    minLength: 1,
    maxLength: 4,
  }),
  callbacks: fc.integer({ min: 0, max: 2 }),
  projects: fc.constantFrom<Meeting['projects']>(['main'], ['main'], ['main', 'us']),
  fates: fc.array(fc.tuple(fc.integer({ min: 1, max: 90 }), fate), { maxLength: 4 }),
  timeouts: fc.boolean(),
});

/** Checks generated interleavings of all calls; fails with the violations. */
export const anyOrder = fc.asyncProperty(fc.scheduler(), meeting, async (scheduler, met) => {
  const schedule = stepped(scheduler, met.timeouts);
  const fates = new Map(met.fates);
  let calls = 0;
  const world = openWorld({
    seed: 1,
    mix: () => {
      calls += 1;
      return schedule.isFree() ? 'ok' : (fates.get(calls) ?? 'ok');
    },
    projects: met.projects,
    coldStarts: 1,
    schedule: () => schedule,
  });
  const ask = { ...newAskOf(met.what, 1, world.start, townOf(world)), callbacks: met.callbacks };
  world.truth.ask(ask);
  await meet(world, ask, met, schedule);
  await converge(world, ask, schedule);
  await judge(world);
  world.close();
  if (world.truth.violations.length > 0) throw new Error(world.truth.violations.join('\n'));
});

async function meet({ sender, fleet }: World, ask: Ask, met: Meeting, schedule: Stepped): Promise<void> {
  for (let count = 0; count < met.deliveries; count += 1) void sender.deliver(ask);
  for (const { turns, laterMs } of met.sweeps) {
    void schedule.pass(turns).then(() => {
      schedule.forward(laterMs);
      void fleet.sweep();
    });
  }
  await schedule.toTheEnd();
}

/** Ends all faults: every receipt must be closed, and a repeated request must get the outcome. */
async function converge({ watch, fleet, sender }: World, ask: Ask, schedule: Stepped): Promise<void> {
  if (!sender.exchanges.get(ask.uid)?.accepted) await sender.deliver(ask);
  const isOver = () => {
    const { open, callbackState, unsigned } = watch.waiting();
    return open + callbackState + unsigned === 0;
  };
  for (let minutes = 0; minutes < mostMinutes && !isOver(); minutes += 1) {
    schedule.forward(60_000);
    await fleet.sweep();
  }
  await sender.deliver(ask);
}

/** Long enough for every backoff that a few failures lead to. */
const mostMinutes = 300;
