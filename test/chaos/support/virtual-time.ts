/** A clock that jumps from one event to the next. Nothing here ever sleeps. */
export interface VirtualTime {
  /** Epoch milliseconds, whole ones. */
  now(): number;
  /** Runs something after that many milliseconds. */
  in(ms: number, run: () => unknown): void;
  wait(ms: number): Promise<void>;
  /** Lives through the events, each with everything that follows from it at once, until `isOver`. */
  run(isOver: () => boolean): Promise<void>;
  /** Events so far. */
  events(): number;
}

interface Event {
  readonly at: number;
  /** Of two events at one time the one that was asked for first comes first. */
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
      await everythingThatFollows();
      while (!isOver()) {
        const event = pop(waiting);
        if (event === undefined) return;
        now = event.at;
        events += 1;
        event.run();
        await everythingThatFollows();
      }
    },
    events: () => events,
  };
  return time;
}

/** Promises that are settled run all their continuations before the next turn of Node's own loop. */
export function everythingThatFollows(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** A binary heap, the earliest event first. */
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
