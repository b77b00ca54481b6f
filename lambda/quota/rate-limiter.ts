import type { ControlWrite, VersionedStore } from '../control/versioned-store.ts';
import {
  applyEffect,
  breakerFor,
  type Capacity,
  capacityOf,
  correctTimes,
  initialRateLimit,
  type JointReservation,
  type ObservedCall,
  parseRateLimit,
  type Quota,
  type RateLimitState,
  type Reservation,
  type ReservationRequest,
  reserveJointly,
  storedRateLimit,
} from './rate-limit.ts';

/** No call may be sent before `until`. */
type Blocked = Extract<Reservation, { kind: 'rate-limited' }>;

/** The rate limiter of one project in this process. */
export interface RateLimiter {
  /** Returns the most calls that fit into one attempt, by the latest known limit. */
  capacity(): Capacity;
  /** Reads the row in advance, so that a reservation starts from its latest revision. Never throws. */
  prefetch(): Promise<void>;
  /**
   * Reserves calls by one conditional write, together with the other requests of this process that wait for one. Never
   * throws: if the row is unavailable, all calls are rate-limited.
   */
  reserve(request: ReservationRequest): Promise<Reservation>;
  /**
   * Returns reserved calls of which none was sent, unless later calls are reserved already: those have times after them, so
   * the returned ones could be sent at the same time. Never throws; what is not returned is lost to this service only.
   */
  release(reservation: Extract<Reservation, { kind: 'reserved' }>): Promise<void>;
  /** Returns the breaker that this process knows to be open: it blocks calls that were reserved earlier too. */
  blockedBy(keyHash: string, now: number): Blocked | undefined;
  /** Returns since when every call has failed, as far as this process knows; `undefined` after a successful one. */
  failingSince(): number | undefined;
  /** Stores what a call changes. Never throws: the next call repeats the information. */
  observe(observed: ObservedCall): Promise<void>;
}

/**
 * Creates the rate limiter of one project. It caches the row, so that a reservation without conflict needs one call of
 * the store. Processes that only reserve do not conflict; after a change of the breaker, the limit or a pause, they decide
 * again with the newer row.
 */
export function createRateLimiter(project: string, quota: Quota, rows: VersionedStore): RateLimiter {
  const row = openSharedRow(keyOf(project), rows);
  return {
    capacity: () => capacityOf(row.state() ?? initialRateLimit, quota),
    prefetch: () => row.refresh().catch(() => undefined),
    reserve: coalesce(async requests => {
      try {
        return await reserveAll(requests, row, quota);
      } catch {
        return requests.map(request => unavailable(request.now));
      }
    }),
    release: async ({ next, calls, interval }) => {
      await row.moveBack(next.notBefore, next.notBefore - calls * interval.intervalMs).catch(() => undefined);
    },
    blockedBy: (keyHash, now) => {
      const state = row.state();
      if (state === undefined) return unavailable(now);
      const breaker = breakerFor(correctTimes(state, now, quota), keyHash);
      if (breaker === undefined || breaker.openUntil <= now) return undefined;
      return { kind: 'rate-limited', until: breaker.openUntil, code: breaker.code };
    },
    failingSince: () => row.state()?.failures?.since,
    observe: async observed => {
      await row
        .change(state => applyEffect(correctTimes(state, observed.now, quota), observed, quota))
        .catch(() => undefined);
    },
  };
}

/**
 * Reserves calls for several requests in one write, or in a few: a request is refused only by a row that was read after
 * it was made, because another process may have closed the breaker. Throws what the store throws.
 */
async function reserveAll(
  requests: readonly ReservationRequest[],
  row: SharedRow,
  quota: Quota,
): Promise<readonly Reservation[]> {
  const results = new Map<ReservationRequest, Reservation>();
  const record = (decided: readonly ReservationRequest[], joint: JointReservation | undefined) => {
    for (const [at, request] of decided.entries()) {
      results.set(request, joint?.reservations[at] ?? unavailable(request.now));
    }
  };
  const now = Math.max(...requests.map(request => request.now));
  const correct = (state: RateLimitState) => correctTimes(state, now, quota);
  let isCurrent = false;
  for (let tries = 0; tries < maxTries && results.size < requests.length; tries += 1) {
    // Impossible times are corrected in the row. Otherwise every reader would start its wait again.
    await row.change(correct);
    const state = row.state();
    const waiting = requests.filter(request => !results.has(request));
    const joint = state && reserveJointly(state, waiting, quota);
    const granted = waiting.filter((_, at) => joint?.reservations[at]?.kind === 'reserved');
    if (joint !== undefined && granted.length > 0) {
      const notBefore = await row.advance(joint);
      if (notBefore !== undefined) record(granted, reserveJointly({ ...state, notBefore }, granted, quota));
    } else if (isCurrent) {
      record(waiting, joint);
    } else {
      await row.refresh();
    }
    isCurrent = true;
  }
  return requests.map(request => results.get(request) ?? unavailable(request.now));
}

/** The row of one rate limit, as this process last read or wrote it. The methods throw what {@link VersionedStore} throws. */
interface SharedRow {
  /** The last state read; `undefined` if the stored row is unreadable. */
  state(): RateLimitState | undefined;
  refresh(): Promise<void>;
  /** Writes the result of `decide` unless it is unchanged. Gives up after too many conflicts. */
  change(decide: (state: RateLimitState) => RateLimitState): Promise<void>;
  /**
   * Advances the token time from the last state, in one atomic write. Returns the token time that the step began at, or
   * `undefined` if the row is not as expected; then the last state is the row as it is now.
   */
  advance(joint: JointReservation): Promise<number | undefined>;
  /** Sets the token time back to `to` if it is still `from`. Returns whether it did. */
  moveBack(from: number, to: number): Promise<boolean>;
}

/** Conflicting writes before a change fails: as many as there may be concurrent processes. */
const maxTries = 50;

/** Opens the row. Until it is read, this process expects that it does not exist. */
function openSharedRow(key: string, rows: VersionedStore): SharedRow {
  const initial: { revision: number; state: RateLimitState | undefined } = { revision: 0, state: initialRateLimit };
  let cached = initial;
  // The token time may change within a revision. A written row may arrive when a newer one is known already. Otherwise a
  // lower revision is a row that was deleted or restored from a backup.
  const cache = ({ written, row }: ControlWrite, state = parseRateLimit(row)) => {
    if (written && row.revision < cached.revision) return;
    cached = row.revision === 0 ? initial : { revision: row.revision, state };
  };
  const refresh = async () => {
    const row = (await rows.read([key])).get(key) ?? { revision: 0, value: undefined };
    cache({ written: false, row });
  };
  const write = async (next: RateLimitState): Promise<boolean> => {
    const result = await rows.write(key, cached.revision, storedRateLimit(next));
    cache(result, result.written ? next : undefined);
    return result.written;
  };
  return {
    state: () => cached.state,
    refresh,
    moveBack: (from, to) => rows.moveBack(key, from, to),
    change: async decide => {
      for (let tries = 0; tries < maxTries; tries += 1) {
        const { state } = cached;
        if (state === undefined) return;
        const next = decide(state);
        if (next === state) return;
        const { notBefore } = state;
        const isMoved = next.notBefore === notBefore || (await rows.moveBack(key, notBefore, next.notBefore));
        if (!isMoved) await refresh();
        else if (await write(next)) return;
      }
    },
    advance: async ({ next, step }) => {
      const { revision, state = initialRateLimit } = cached;
      const isChanged = revision === 0 || next.breaker !== state.breaker;
      const value = isChanged ? { value: storedRateLimit(next) } : {};
      const result = await rows.advance(key, revision, { ...step, known: state.notBefore, ...value });
      cache(result);
      return result.written ? (result.row.tokenTime ?? 0) - step.by : undefined;
    },
  };
}

/** Reads the rate-limit state; `undefined` if the row is unreadable. Throws what {@link VersionedStore} throws. */
export async function readRateLimit(project: string, rows: VersionedStore): Promise<RateLimitState | undefined> {
  const key = keyOf(project);
  const row = (await rows.read([key])).get(key);
  return row === undefined ? initialRateLimit : parseRateLimit(row);
}

function keyOf(project: string): string {
  return `rate-limit#${project}`;
}

function unavailable(now: number): Blocked {
  return { kind: 'rate-limited', until: now, code: 'rate-limit-unavailable' };
}

/** One request and what to do with its result. */
interface Waiting<Request, Result> {
  readonly request: Request;
  readonly settle: (result: Result) => void;
}

/**
 * Returns a function that answers requests in batches: while one batch runs, further requests wait for the next one. `run`
 * returns the result of each request, in their order, and must not throw.
 */
function coalesce<Request, Result>(
  run: (requests: readonly Request[]) => Promise<readonly Result[]>,
): (request: Request) => Promise<Result> {
  let waiting: Waiting<Request, Result>[] = [];
  let isRunning = false;
  const runAll = async () => {
    isRunning = true;
    // Requests of the same turn of the event loop belong to one batch.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const results = await run(batch.map(({ request }) => request));
      for (const [at, result] of results.entries()) batch[at]?.settle(result);
    }
    isRunning = false;
  };
  return request =>
    new Promise(settle => {
      waiting.push({ request, settle });
      if (!isRunning) void runAll();
    });
}
