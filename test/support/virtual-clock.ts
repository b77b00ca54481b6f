/** A clock that is stopped until it runs, and then jumps from one wait to the next. */
export interface VirtualClock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Runs until nothing waits any more, or until that time. */
  run(until?: number): Promise<void>;
  /** Runs until the work is done and returns its result. */
  finish<T>(work: Promise<T>): Promise<T>;
}

interface Waiting {
  readonly at: number;
  readonly wake: () => void;
}

/** More waits than any test needs: code that never ends fails soon, instead of running until the test is stopped. */
const mostSteps = 100_000;

/** Creates a clock that is stopped at `start`. */
export function virtualClock(start: number): VirtualClock {
  let at = start;
  let steps = 0;
  const waiting: Waiting[] = [];
  const next = async (until: number): Promise<boolean> => {
    // Everything that can continue without the clock continues first.
    await new Promise(resolve => setImmediate(resolve));
    const [first] = waiting;
    if (first === undefined || first.at > until) return false;
    waiting.shift();
    steps += 1;
    if (steps > mostSteps) throw new Error('virtual clock: something waits again and again without an end');
    at = first.at;
    first.wake();
    return true;
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
    run: async (until = Number.POSITIVE_INFINITY) => {
      while (await next(until));
      if (Number.isFinite(until)) at = Math.max(at, until);
    },
    finish: async work => {
      let isDone = false;
      const settled = work.finally(() => {
        isDone = true;
      });
      while (!isDone && (await next(Number.POSITIVE_INFINITY)));
      return settled;
    },
  };
}
