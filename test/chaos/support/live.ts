import type { Ask } from './people.ts';
import type { World } from './world.ts';

/** One delivery of a request, so many milliseconds after the start. */
export type Delivery = readonly [at: number, ask: Ask];

export interface Course {
  readonly deliveries: readonly Delivery[];
  /** How often a minute's sweep does not come, or comes twice or three times at once. */
  readonly oddSweeps: number;
  /** Virtual time that it lasts at least, in milliseconds. */
  readonly atLeast?: number;
  /** Virtual time that it goes on after everything has ended, in milliseconds; ten minutes where nothing is said. */
  readonly afterwards?: number;
  /** Virtual time after which whatever is open is stuck, in milliseconds. */
  readonly longest: number;
}

const minute = 60_000;

/** Lives through all deliveries until nothing more is to come, or nothing more comes. */
export async function live(world: World, course: Course): Promise<void> {
  const { deliveries, oddSweeps, longest, atLeast = 0, afterwards = 10 * minute } = course;
  const { time, watch, start, sender } = world;
  let unsettled = deliveries.length;
  for (const [at, ask] of deliveries) {
    time.in(at, () => {
      void sender.send(ask).then(() => {
        unsettled -= 1;
      });
    });
  }
  const isOver = () => {
    const { open, callbackState, unsigned } = watch.waiting();
    const passed = time.now() - start;
    const isDone = unsettled + open + callbackState + unsigned === 0;
    return (isDone && passed > atLeast) || passed > longest;
  };
  sweepEveryMinute(world, oddSweeps);
  await time.run(isOver);
  // Delayed calls must not change a closed receipt.
  const rest = time.now() + afterwards;
  await time.run(() => time.now() > rest);
}

/** Begins somewhere in the first minute. */
function sweepEveryMinute({ time, fleet, random }: World, odd: number): void {
  const tick = () => {
    time.in(minute, tick);
    const times = random.chance(odd) ? random.pick([0, 2, 3]) : 1;
    for (let count = 0; count < times; count += 1) time.in(count * random.between(0, 2000), () => void fleet.sweep());
  };
  time.in(random.between(0, minute), tick);
}
