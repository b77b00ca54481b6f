import type fc from 'fast-check';
import { never, type Schedule } from './environment.ts';

/** A clock that moves from one event to the next, without sleeping. */
export interface VirtualTime {
  /** Whole epoch milliseconds. */
  now(): number;
  /** Runs a function after this number of milliseconds. */
  in(ms: number, run: () => unknown): void;
  wait(ms: number): Promise<void>;
  /** Runs the events in order, each with all continuations of its promises, until `isOver`. */
  run(isOver: () => boolean): Promise<void>;
  /** Events so far. */
  events(): number;
}

interface Event {
  readonly at: number;
  /** Of two events at the same time, the one that was scheduled first runs first. */
  readonly order: number;
  readonly run: () => unknown;
}

export function virtualTime(start: number): VirtualTime {
  const waiting: Event[] = [];
  let [now, order, events] = [start, 0, 0];
  const time: VirtualTime = {
    now: () => now,
    in: (ms, run) => {
      order += 1;
      push(waiting, { at: Math.ceil(now + Math.max(0, ms)), order, run });
    },
    wait: ms => new Promise(resolve => time.in(ms, resolve)),
    run: async isOver => {
      await settlePromises();
      while (!isOver()) {
        const event = pop(waiting);
        if (event === undefined) return;
        now = event.at;
        events += 1;
        event.run();
        await settlePromises();
      }
    },
    events: () => events,
  };
  return time;
}

/** Settles after all continuations of settled promises have run. */
function settlePromises(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Adds an event to a binary heap with the earliest event first. */
function push(heap: Event[], event: Event): void {
  let index = heap.length;
  heap.push(event);
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || !isBefore(event, parent)) break;
    heap[index] = parent;
    index = above;
  }
  heap[index] = event;
}

function pop(heap: Event[]): Event | undefined {
  const [first] = heap;
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let index = 0;
  for (let child = 1; child < heap.length; child = 2 * index + 1) {
    const [left, right] = [heap[child], heap[child + 1]];
    const smaller = left !== undefined && right !== undefined && isBefore(right, left) ? child + 1 : child;
    const below = heap[smaller];
    if (below === undefined || !isBefore(below, last)) break;
    heap[index] = below;
    index = smaller;
  }
  heap[index] = last;
  return first;
}

/** A schedule on which fast-check chooses which call continues, one at a time, until `runToEnd` has returned. */
export interface Stepped extends Schedule {
  /** Waits for this number of turns. */
  pass(turns: number): Promise<void>;
  /** Moves the clock forward. */
  forward(ms: number): void;
  /** Runs one step after the other until no call waits; from then on calls do not wait for a turn. */
  runToEnd(): Promise<void>;
  isFree(): boolean;
}

/** A wait takes one turn for each of these periods, in milliseconds. */
const msPerTurn = 4000;

const start = Date.UTC(2026, 10, 24, 12);

/** Duration of every call, in milliseconds. */
const stepMs = 3;

/** Returns a schedule; with `timeouts`, invocations also time out when it is their turn. */
export function stepped(scheduler: fc.Scheduler, timeouts: boolean): Stepped {
  let now = start;
  let free = false;
  const turn = async (label: string) => {
    if (!free) await scheduler.schedule(Promise.resolve(), label);
  };
  // A longer wait takes more turns: otherwise a whole attempt could never overtake it.
  const pass = async (turns: number) => {
    for (let passed = 0; passed < turns; passed += 1) await turn('waits');
  };
  const wait = async (ms: number) => {
    const until = Math.ceil(now + ms);
    await pass(Math.ceil(ms / msPerTurn));
    now = Math.max(now, until);
  };
  return {
    now: () => now,
    wait,
    pass,
    timeout: ms => (free || !timeouts ? never() : wait(ms)),
    transmit: async port => {
      await turn(port);
      now += stepMs;
    },
    forward: ms => {
      now += ms;
    },
    runToEnd: async () => {
      await settlePromises();
      while (scheduler.count() > 0) {
        await scheduler.waitNext(1);
        await settlePromises();
      }
      free = true;
    },
    isFree: () => free,
  };
}
