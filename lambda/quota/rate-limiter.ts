import type { VersionedRow, VersionedStore } from '../control/versioned-store.ts';
import { applyResponse, type ObservedResponse } from './rate-headers.ts';
import {
  breakerFor,
  initialRateLimit,
  parseRateLimit,
  type Quota,
  type RateLimitState,
  type Reservation,
  type ReservationRequest,
  reserve,
  type TokenInterval,
  tokenInterval,
} from './rate-limit.ts';

/** The rate limiter of one project in this process. */
export interface RateLimiter {
  /** Returns how fast the project may be called; a reservation covers at most one burst. */
  tokenInterval(): TokenInterval;
  /** Reads the row in advance, so that a reservation starts from its latest revision. Never throws. */
  prefetch(): Promise<void>;
  /** Reserves calls by one conditional write. Never throws: if the row is unavailable, all calls are rate-limited. */
  reserve(request: ReservationRequest): Promise<Reservation>;
  /** Returns the breaker that this process knows to be open: it blocks calls that were reserved earlier too. */
  blockedBy(keyHash: string, now: number): Extract<Reservation, { kind: 'held' }> | undefined;
  /** Stores what a response changes. Never throws: the next response repeats the information. */
  observe(observed: ObservedResponse): Promise<void>;
}

/** Conflicting writes before a change fails: as many as there may be concurrent processes. */
const mostTries = 50;

/**
 * Creates the rate limiter of one project. It caches the row, so that a reservation without conflict needs one call of
 * the store; after a conflict it decides again with the newer row.
 */
export function createRateLimiter(project: string, quota: Quota, rows: VersionedStore): RateLimiter {
  const row = sharedRow(keyOf(project), rows);
  return {
    tokenInterval: () => tokenInterval(row.state() ?? initialRateLimit, quota),
    prefetch: () => row.refresh().catch(() => undefined),
    reserve: request => reserveIn(row, request, quota).catch(() => unavailable(request)),
    blockedBy: (keyHash, now) => blockedIn(row, keyHash, now),
    observe: observed =>
      row
        .change(state => applyResponse(state, observed, quota))
        .then(
          () => undefined,
          () => undefined,
        ),
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

/** Refreshes the row before it rejects a reservation: another process may have closed the breaker. */
async function reserveIn(row: SharedRow, request: ReservationRequest, quota: Quota): Promise<Reservation> {
  const seen = row.state();
  if (seen === undefined || reserve(seen, request, quota).kind === 'held') await row.refresh();
  let reservation: Reservation = unavailable(request);
  const written = await row.change(state => {
    reservation = reserve(state, request, quota);
    return reservation.kind === 'reserved' ? reservation.next : state;
  });
  return written ? reservation : unavailable(request);
}

type Blocked = Extract<Reservation, { kind: 'held' }>;

function blockedIn(row: SharedRow, keyHash: string, now: number): Blocked | undefined {
  const state = row.state();
  if (state === undefined) return unavailable({ now });
  const breaker = breakerFor(state, keyHash);
  if (breaker === undefined || breaker.openUntil <= now) return undefined;
  return { kind: 'held', until: breaker.openUntil, code: breaker.code };
}

function unavailable({ now }: Pick<ReservationRequest, 'now'>): Blocked {
  return { kind: 'held', until: now, code: 'rate-limit-unavailable' };
}

interface SharedRow {
  /** The last state read; `undefined` if the stored row is unreadable. */
  state(): RateLimitState | undefined;
  refresh(): Promise<void>;
  /** Writes the result of `decide` unless it is unchanged. Returns false after too many conflicts. */
  change(decide: (state: RateLimitState) => RateLimitState): Promise<boolean>;
}

interface Seen {
  readonly revision: number;
  readonly state: RateLimitState | undefined;
}

const initialRow: Seen = { revision: 0, state: initialRateLimit };

function sharedRow(key: string, rows: VersionedStore): SharedRow {
  let seen = initialRow;
  const update = (row: VersionedRow) => {
    if (row.revision > seen.revision) seen = { revision: row.revision, state: parseRateLimit(row.value) };
  };
  return {
    state: () => seen.state,
    refresh: async () => update((await rows.read([key])).get(key) ?? { revision: 0, value: undefined }),
    change: async decide => {
      for (let tries = 0; tries < mostTries; tries += 1) {
        const { revision, state } = seen;
        if (state === undefined) return false;
        const next = decide(state);
        if (next === state) return true;
        const { written, row } = await rows.write(key, revision, next);
        // A row that was deleted or restored from a backup is read again.
        if (row.revision < revision) seen = initialRow;
        update(row);
        if (written) return true;
      }
      return false;
    },
  };
}
