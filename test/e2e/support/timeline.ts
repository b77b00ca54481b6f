/** One call that a function made. `began` and `ended` count events, so that no clock is compared. */
export interface TimedCall {
  readonly to: 'aws' | 'voucherify';
  readonly operation: string;
  readonly began: number;
  readonly ended: number;
}

/** The order in which calls came and were answered. */
export interface Timeline {
  /** Marks a call; the function that it gives marks its answer. */
  begin(to: TimedCall['to'], operation: string): () => void;
  /** The number of the next event. */
  now(): number;
  /** Answered calls that began at this event or later. */
  since(event: number): readonly TimedCall[];
}

/** A new, empty timeline. */
export function timeline(): Timeline {
  const calls: TimedCall[] = [];
  let events = 0;
  return {
    begin: (to, operation) => {
      events += 1;
      const began = events;
      return () => {
        events += 1;
        calls.push({ to, operation, began, ended: events });
      };
    },
    now: () => events + 1,
    since: event => calls.filter(({ began }) => began >= event).toSorted((a, b) => a.began - b.began),
  };
}

/** Those of the calls that were answered before the first one to Voucherify began. */
export function beforeVoucherify(calls: readonly TimedCall[], all: readonly TimedCall[]): readonly TimedCall[] {
  const first = all.find(({ to }) => to === 'voucherify')?.began ?? Number.POSITIVE_INFINITY;
  return calls.filter(({ ended }) => ended < first);
}

/** The longest chain of calls each of which began after the one before it was answered. */
export function longestChain(calls: readonly TimedCall[]): number {
  let length = 0;
  let end = 0;
  for (const { began, ended } of calls.toSorted((a, b) => a.ended - b.ended)) {
    if (began <= end) continue;
    length += 1;
    end = ended;
  }
  return length;
}

/** Such as `3 PutItem, 1 UpdateItem`. */
export function tally(calls: readonly TimedCall[]): string {
  const counts = new Map<string, number>();
  for (const { operation } of calls) counts.set(operation, (counts.get(operation) ?? 0) + 1);
  return [...counts].map(([operation, count]) => `${count} ${operation}`).join(', ');
}
