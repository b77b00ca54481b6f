import type { VersionedRow, VersionedStore } from '../control/versioned-store.ts';
import { applyEffect, type ObservedCall } from './apply-effect.ts';
import { correctTimes } from './correct-times.ts';
import {
  breakerFor,
  type Capacity,
  capacityOf,
  initialRateLimit,
  parseRateLimit,
  type Quota,
  type RateLimitState,
  type Reservation,
  type ReservationRequest,
  reserve,
} from './rate-limit.ts';

/** No call may be sent before `until`. */
type Blocked = Extract<Reservation, { kind: 'rate-limited' }>;

/** The rate limiter of one project in this process. */
export interface RateLimiter {
  /** Returns the most calls that fit into one attempt, by the latest known limit. */
  capacity(): Capacity;
  /** Reads the row in advance, so that a reservation starts from its latest revision. Never throws. */
  prefetch(): Promise<void>;
  /** Reserves calls by one conditional write. Never throws: if the row is unavailable, all calls are rate-limited. */
  reserve(request: ReservationRequest): Promise<Reservation>;
  /** Returns the breaker that this process knows to be open: it blocks calls that were reserved earlier too. */
  blockedBy(keyHash: string, now: number): Blocked | undefined;
  /** Returns since when every call has failed, as far as this process knows; `undefined` after a successful one. */
  failingSince(): number | undefined;
  /** Stores what a call changes. Never throws: the next call repeats the information. */
  observe(observed: ObservedCall): Promise<void>;
}

/**
 * Creates the rate limiter of one project. It caches the row, so that a reservation without conflict needs one call of
 * the store; after a conflict it decides again with the newer row.
 */
export function createRateLimiter(project: string, quota: Quota, rows: VersionedStore): RateLimiter {
  const row = sharedRow(keyOf(project), rows);
  return {
    capacity: () => capacityOf(row.state() ?? initialRateLimit, quota),
    prefetch: () => row.refresh().catch(() => undefined),
    // Refreshes the row before it rejects a reservation: another process may have closed the breaker.
    reserve: async request => {
      let reservation: Reservation = unavailable(request.now);
      const decide = (state: RateLimitState) => {
        const current = correctTimes(state, request.now, quota);
        reservation = reserve(current, request, quota);
        // A corrected row is written even without a reservation. Otherwise every reader would start its wait again.
        return reservation.kind === 'reserved' ? reservation.next : current;
      };
      try {
        let isWritten = await row.change(decide);
        if (reservation.kind === 'rate-limited') {
          await row.refresh();
          isWritten = await row.change(decide);
        }
        return isWritten ? reservation : unavailable(request.now);
      } catch {
        return unavailable(request.now);
      }
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

/** Reads the rate-limit state; `undefined` if the row is unreadable. Throws what {@link VersionedStore} throws. */
export async function readRateLimit(project: string, rows: VersionedStore): Promise<RateLimitState | undefined> {
  const key = keyOf(project);
  const row = (await rows.read([key])).get(key);
  return row === undefined ? initialRateLimit : parseRateLimit(row.value);
}

function keyOf(project: string): string {
  return `rate-limit#${project}`;
}

function unavailable(now: number): Blocked {
  return { kind: 'rate-limited', until: now, code: 'rate-limit-unavailable' };
}

interface SharedRow {
  /** The last state read; `undefined` if the stored row is unreadable. */
  state(): RateLimitState | undefined;
  refresh(): Promise<void>;
  /** Writes the result of `decide` unless it is unchanged. Returns false after too many conflicts. */
  change(decide: (state: RateLimitState) => RateLimitState): Promise<boolean>;
}

/** Conflicting writes before a change fails: as many as there may be concurrent processes. */
const maxTries = 50;

function sharedRow(key: string, rows: VersionedStore): SharedRow {
  const initial: { revision: number; state: RateLimitState | undefined } = { revision: 0, state: initialRateLimit };
  let cached = initial;
  const update = ({ revision, value }: VersionedRow) => {
    if (revision > cached.revision) cached = { revision, state: parseRateLimit(value) };
  };
  return {
    state: () => cached.state,
    refresh: async () => update((await rows.read([key])).get(key) ?? { revision: 0, value: undefined }),
    change: async decide => {
      for (let tries = 0; tries < maxTries; tries += 1) {
        const { revision, state } = cached;
        if (state === undefined) return false;
        const next = decide(state);
        if (next === state) return true;
        const { written, row } = await rows.write(key, revision, next);
        if (written) {
          if (row.revision > cached.revision) cached = { revision: row.revision, state: next };
          return true;
        }
        // A row that was deleted or restored from a backup is read again.
        if (row.revision < revision) cached = initial;
        update(row);
      }
      return false;
    },
  };
}
