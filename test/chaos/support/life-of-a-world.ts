import type { Outage } from '../../../infra/local/sandbox/sandbox.ts';
import { type Ask, askedTwice, newAsk, type Town } from './people.ts';
import { reregistrations } from './reregistrations.ts';
import type { World } from './world.ts';

export interface Plan {
  readonly requests: number;
  /** Over how long they come in, in milliseconds. */
  readonly within: number;
  readonly duplicates: number;
  readonly reregistered: number;
  /** Voucherify is out of order from a quarter of `within` on, for so long. */
  readonly outageMs: number;
  /** The callback address is out of order as long from the beginning on. */
  readonly callbacksDownMs: number;
  /** Virtual time after which whatever is open is stuck. */
  readonly longest: number;
  readonly progress?: (done: number) => void;
}

const minute = 60_000;
const outages: readonly [Outage, ...Outage[]] = ['error', 'down', 'hang'];

/** Lives through a plan until nothing more is to come, or nothing more comes. */
export async function live(world: World, plan: Plan): Promise<void> {
  const { time, random, watch, start } = world;
  let sending = 0;
  const send = async (ask: Ask) => {
    sending += 1;
    await world.sender.send(ask);
    sending -= 1;
  };
  const asks = populated(world, plan);
  let unsent = asks.length;
  for (const [at, ask] of asks) {
    time.in(at, () => {
      unsent -= 1;
      void send(ask);
    });
  }
  outage(world, plan);
  const isOver = () => {
    const { open, callBack } = watch.waiting();
    return (unsent === 0 && sending === 0 && open === 0 && callBack === 0) || time.now() - start > plan.longest;
  };
  sweeps(world, () => random.chance(0.03), isOver);
  await time.run(isOver);
}

/** Everybody whom the plan's requests will mean, and when each delivery begins. */
function populated(world: World, plan: Plan): readonly (readonly [at: number, ask: Ask])[] {
  const { random, truth, voucherify, start } = world;
  const town: Town = {
    projects: projectsOf(world),
    random: random.fork(),
    register: voucherify.register,
    softDelete: id => voucherify.sandbox.softDelete(id),
  };
  const deliveries: (readonly [number, Ask])[] = [];
  const add = (at: number, ask: Ask) => {
    truth.ask(ask);
    deliveries.push([at, ask]);
    // At once, within the same attempt, or minutes later.
    if (random.chance(plan.duplicates)) deliveries.push([at + random.pick([0, 50, 400, 3000, 90_000, 1_800_000]), ask]);
  };
  for (let number = 0; number < plan.requests; number += 1) {
    const at = random.between(0, plan.within);
    const ask = newAsk(number, start + at, town);
    add(at, ask);
    const again = at + random.between(0, 10_000);
    if (random.chance(0.01)) add(again, askedTwice(ask, start + again, town));
    if (random.chance(plan.reregistered)) reregistrations(world, ask, at);
  }
  return deliveries;
}

function projectsOf({ outside }: World): readonly [string, ...string[]] {
  const [first = '', ...others] = Object.keys(outside.settings.projects);
  return [first, ...others];
}

/** Every minute, now and then twice at once, and now and then not at all. */
function sweeps({ time, fleet, random }: World, isOdd: () => boolean, isOver: () => boolean): void {
  const tick = () => {
    if (isOver()) return;
    time.in(minute, tick);
    const times = isOdd() ? random.pick([0, 2, 3]) : 1;
    for (let count = 0; count < times; count += 1) time.in(count * random.between(0, 2000), () => void fleet.sweep());
  };
  time.in(random.between(0, minute), tick);
}

function outage({ time, random, voucherify, receiver }: World, plan: Plan): void {
  const begins = plan.within / 4;
  const mode = random.pick(outages);
  if (plan.outageMs > 0) {
    time.in(begins, () => voucherify.sandbox.outage(mode));
    time.in(begins + plan.outageMs, () => voucherify.sandbox.outage(undefined));
  }
  if (plan.callbacksDownMs === 0) return;
  receiver.down(true);
  time.in(plan.callbacksDownMs, () => receiver.down(false));
}
