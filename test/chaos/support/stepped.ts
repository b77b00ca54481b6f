import type fc from 'fast-check';
import { never } from './life.ts';
import { everythingThatFollows } from './virtual-time.ts';
import type { Schedule } from './world.ts';

/** A schedule on which fast-check decides whose turn it is, one call after the other, until it is let free. */
export interface Stepped extends Schedule {
  /** Lets so many turns of others pass. */
  pass(turns: number): Promise<void>;
  /** Moves the clock. */
  forward(ms: number): void;
  /** Takes one step after the other until nobody waits for a turn; from then on nobody has to wait for one. */
  toTheEnd(): Promise<void>;
  isFree(): boolean;
}

/** Turns of waiting: one for each so many milliseconds. */
const msPerTurn = 4000;

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
  // The longer one waits, the more turns of others pass: else nobody would ever be overtaken by a whole attempt.
  const pass = async (turns: number) => {
    for (let passed = 0; passed < turns; passed += 1) await turn('waits');
  };
  const wait = async (ms: number) => {
    const until = now + ms;
    await pass(Math.ceil(ms / msPerTurn));
    now = Math.max(now, until);
  };
  return {
    now: () => now,
    wait,
    pass,
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
