import type { VersionedStore } from '../control/versioned-store.ts';
import { applyEffect, type ObservedCall } from './apply-effect.ts';
import { coalesce } from './coalesce.ts';
import { correctTimes } from './correct-times.ts';
import {
  breakerFor,
  type Capacity,
  capacityOf,
  initialRateLimit,
  type JointReservation,
  parseRateLimit,
  type Quota,
  type RateLimitState,
  type Reservation,
  type ReservationRequest,
  reserveJointly,
} from './rate-limit.ts';
import { maxTries, openSharedRow, type SharedRow } from './shared-row.ts';

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
  const record = (decided: readonly ReservationRequest[], { reservations }: JointReservation) => {
    for (const [at, request] of decided.entries()) results.set(request, reservations[at] ?? unavailable(request.now));
  };
  const now = Math.max(...requests.map(request => request.now));
  const correct = (state: RateLimitState) => correctTimes(state, now, quota);
  let isCurrent = false;
  for (let tries = 0; tries < maxTries && results.size < requests.length; tries += 1) {
    // Impossible times are corrected in the row. Otherwise every reader would start its wait again.
    const state = (await row.change(correct)) ? row.state() : undefined;
    const waiting = requests.filter(request => !results.has(request));
    const joint = state && reserveJointly(state, waiting, quota);
    const granted = waiting.filter((_, at) => joint?.reservations[at]?.kind === 'reserved');
    if (joint !== undefined && granted.length > 0) {
      const notBefore = await row.advance(joint);
      if (notBefore !== undefined) record(granted, reserveJointly({ ...state, notBefore }, granted, quota));
    } else if (!isCurrent) {
      await row.refresh();
    } else if (joint === undefined) {
      break;
    } else {
      record(waiting, joint);
    }
    isCurrent = true;
  }
  return requests.map(request => results.get(request) ?? unavailable(request.now));
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
