import type { Delivery } from './live.ts';
import { type Ask, askedTwice, newAsk, type Town } from './people.ts';
import { reregistrations } from './reregistrations.ts';
import type { World } from './world.ts';

export interface Crowd {
  readonly requests: number;
  /** Over how long they come in, in milliseconds. */
  readonly within: number;
  /** Shares of the requests that are delivered twice, and whose people sign up again. */
  readonly duplicates: number;
  readonly reregistered: number;
}

/** Some ask for the same people under another id. */
const twice = 0.01;

/** Registers the customers of many requests; returns the time of each delivery. */
export function populated(world: World, crowd: Crowd): readonly Delivery[] {
  const { random, start } = world;
  const town = townOf(world);
  const deliveries: Delivery[] = [];
  const add = (at: number, ask: Ask) => {
    world.truth.ask(ask);
    deliveries.push([at, ask]);
    // At once, within the same attempt, or minutes later.
    const pause = random.pick([0, 50, 400, 3000, 90_000, 1_800_000]);
    if (random.chance(crowd.duplicates)) deliveries.push([at + pause, ask]);
  };
  for (let number = 0; number < crowd.requests; number += 1) {
    const at = random.between(0, crowd.within);
    const ask = newAsk(number, start + at, town);
    add(at, ask);
    const again = at + random.between(0, 10_000);
    // Whoever signs up between two requests for them is meant by the second one: that would tell nothing.
    if (random.chance(crowd.reregistered)) reregistrations(world, ask, at);
    else if (random.chance(twice)) add(again, askedTwice(ask, start + again, town));
  }
  return deliveries;
}

/** Where the people of a world are registered. */
export function townOf({ outside, random, voucherify }: World): Town {
  const [first = '', ...others] = Object.keys(outside.settings.projects);
  const { register, sandbox } = voucherify;
  return { projects: [first, ...others], random: random.fork(), register, softDelete: sandbox.softDelete };
}
