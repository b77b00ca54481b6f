import type { VersionedRow, VersionedStore } from '../receipts/control.ts';
import { applyResponse, type ObservedResponse } from './learn.ts';
import {
  breakerFor,
  initialRateLimit,
  parseRateLimit,
  type RateLimitState,
  type Reservation,
  type ReservationRequest,
  reserve,
} from './pace.ts';
import { type Quota, type TokenInterval, tokenInterval } from './rhythm.ts';

/** The pace of one project as this process sees it. */
export interface RateLimiter {
  /** How fast the project may be called; one reservation holds a burst at most. */
  rhythm(): TokenInterval;
  /** Reads the row, so that a reservation is not overtaken by what others wrote before it. Never throws. */
  prefetch(): Promise<void>;
  /** Reserves by one conditional write. Never throws: a pace that cannot be read or written holds everybody. */
  reserve(wish: ReservationRequest): Promise<Reservation>;
  /** What this process knows to close the project: calls that were reserved before are not made either. */
  blockedBy(keyHash: string, now: number): Extract<Reservation, { kind: 'held' }> | undefined;
  /** Writes down what an answer says, if it says anything new. Never throws: the next answer will say it again. */
  observe(heard: ObservedResponse): Promise<void>;
}

/** Others that may write the same row in between before this gives up: as many as may come at once. */
const mostTries = 50;

/**
 * The pacer of one project. The row as it was last seen is kept, so that a process alone needs one call of the store
 * for a reservation; whoever was overtaken sees the newer row and decides again.
 */
export function createRateLimiter(project: string, quota: Quota, rows: VersionedStore): RateLimiter {
  const row = sharedRow(keyOf(project), rows);
  return {
    rhythm: () => tokenInterval(row.pace() ?? initialRateLimit, quota),
    prefetch: () => row.refresh().catch(() => undefined),
    reserve: wish => reserveIn(row, wish, quota).catch(() => unavailable(wish)),
    blockedBy: (keyHash, now) => closedIn(row, keyHash, now),
    observe: heard =>
      row
        .change(pace => applyResponse(pace, heard, quota))
        .then(
          () => undefined,
          () => undefined,
        ),
  };
}

/** How the pace of a project stands; `undefined` when its row cannot be read. Throws what {@link VersionedStore} throw. */
export async function readRateLimit(project: string, rows: VersionedStore): Promise<RateLimitState | undefined> {
  const key = keyOf(project);
  const row = (await rows.read([key])).get(key);
  return row === undefined ? initialRateLimit : parseRateLimit(row.value);
}

function keyOf(project: string): string {
  return `rate-limit#${project}`;
}

/** What is held by an old row is asked again by a new one, which somebody may have opened in the meantime. */
async function reserveIn(row: SharedRow, wish: ReservationRequest, quota: Quota): Promise<Reservation> {
  const seen = row.pace();
  if (seen === undefined || reserve(seen, wish, quota).kind === 'held') await row.refresh();
  let reservation: Reservation = unavailable(wish);
  const written = await row.change(pace => {
    reservation = reserve(pace, wish, quota);
    return reservation.kind === 'reserved' ? reservation.next : pace;
  });
  return written ? reservation : unavailable(wish);
}

type HeldUntil = Extract<Reservation, { kind: 'held' }>;

function closedIn(row: SharedRow, keyHash: string, now: number): HeldUntil | undefined {
  const pace = row.pace();
  if (pace === undefined) return unavailable({ now });
  const closed = breakerFor(pace, keyHash);
  if (closed === undefined || closed.openUntil <= now) return undefined;
  return { kind: 'held', until: closed.openUntil, code: closed.code };
}

function unavailable({ now }: Pick<ReservationRequest, 'now'>): HeldUntil {
  return { kind: 'held', until: now, code: 'rate-limit-unavailable' };
}

interface SharedRow {
  /** As it was last seen; `undefined` when what stands there cannot be read. */
  pace(): RateLimitState | undefined;
  refresh(): Promise<void>;
  /** Writes what `decide` makes of the row, unless it is the same; false when too many others write it. */
  change(decide: (pace: RateLimitState) => RateLimitState): Promise<boolean>;
}

interface Seen {
  readonly revision: number;
  readonly pace: RateLimitState | undefined;
}

const nothingYet: Seen = { revision: 0, pace: initialRateLimit };

function sharedRow(key: string, rows: VersionedStore): SharedRow {
  let seen = nothingYet;
  const see = (row: VersionedRow) => {
    if (row.revision > seen.revision) seen = { revision: row.revision, pace: parseRateLimit(row.value) };
  };
  return {
    pace: () => seen.pace,
    refresh: async () => see((await rows.read([key])).get(key) ?? { revision: 0, value: undefined }),
    change: async decide => {
      for (let tries = 0; tries < mostTries; tries += 1) {
        const { revision, pace } = seen;
        if (pace === undefined) return false;
        const next = decide(pace);
        if (next === pace) return true;
        const { written, row } = await rows.write(key, revision, next);
        // A row that was taken away, or put back from a backup, begins anew.
        if (row.revision < revision) seen = nothingYet;
        see(row);
        if (written) return true;
      }
      return false;
    },
  };
}
