/** A clock that stands until it is told to run, and then jumps from one waiting to the next. */
export interface VirtualClock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Runs until nobody waits any more, or until that time. */
  run(until?: number): Promise<void>;
  /** Runs until the work is done and gives what came of it. */
  finish<T>(work: Promise<T>): Promise<T>;
}

interface Waiting {
  readonly at: number;
  readonly wake: () => void;
}

/** Opens a clock that stands at `start`. */
export function virtualClock(start: number): VirtualClock {
  let at = start;
  const waiting: Waiting[] = [];
  const next = async (until: number): Promise<boolean> => {
    await everythingElse();
    const [first] = waiting;
    if (first === undefined || first.at > until) return false;
    waiting.shift();
    at = first.at;
    first.wake();
    return true;
  };
  const run = async (until = Number.POSITIVE_INFINITY) => {
    while (await next(until));
    if (Number.isFinite(until)) at = Math.max(at, until);
  };
  return {
    now: () => at,
    wait: ms => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const one = { at: at + Math.max(0, ms), wake: resolve };
      const later = waiting.findIndex(other => other.at > one.at);
      waiting.splice(later === -1 ? waiting.length : later, 0, one);
      return promise;
    },
    run,
    finish: async work => {
      let done = false;
      const settled = work.finally(() => {
        done = true;
      });
      while (!done && (await next(Number.POSITIVE_INFINITY)));
      return settled;
    },
  };
}

/** Resolves when whatever could go on without the clock has gone on. */
function everythingElse(): Promise<void> {
  return new Promise(resolve => {
    setImmediate(resolve);
  });
}
