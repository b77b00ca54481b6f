import type fc from 'fast-check';
import { never } from './life.ts';
import { everythingThatFollows } from './virtual-time.ts';
import type { Schedule } from './world.ts';

/** A schedule on which fast-check decides whose turn it is, one call after the other, until it is let free. */
export interface Stepped extends Schedule {
  /** Moves the clock. */
  forward(ms: number): void;
  /** Takes one step after the other until nobody waits for a turn; from then on nobody has to wait for one. */
  toTheEnd(): Promise<void>;
  isFree(): boolean;
}

const start = Date.UTC(2026, 10, 24, 12);

/** What a call takes at least, in milliseconds. */
const stepMs = 3;

/** `timeouts`: whether invocations run out of time as well, whenever it is their turn. */
export function stepped(scheduler: fc.Scheduler, timeouts: boolean): Stepped {
  let now = start;
  let free = false;
  const turn = async (label: string) => {
    if (!free) await scheduler.schedule(Promise.resolve(), label);
  };
  const wait = async (ms: number) => {
    const until = now + ms;
    await turn(`${ms} ms`);
    now = Math.max(now, until);
  };
  return {
    now: () => now,
    wait,
    timeout: ms => (free || !timeouts ? never() : wait(ms)),
    travel: async port => {
      await turn(port);
      now += stepMs;
    },
    forward: ms => {
      now += ms;
    },
    toTheEnd: async () => {
      await everythingThatFollows();
      while (scheduler.count() > 0) {
        await scheduler.waitNext(1);
        await everythingThatFollows();
      }
      free = true;
    },
    isFree: () => free,
  };
}
