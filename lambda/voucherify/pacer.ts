import type { ControlRow, ControlRows } from '../receipts/control.ts';
import { type Heard, learned } from './learn.ts';
import {
  closedTo,
  type Pace,
  paceFrom,
  type Quota,
  type Reservation,
  reserve,
  rhythmOf,
  untouched,
  type Wish,
} from './pace.ts';

/** The pace of one project as this process sees it. */
export interface Pacer {
  /** Calls that one reservation may hold. */
  burst(): number;
  /** Reserves by one conditional write. Never throws: a pace that cannot be read or written holds everybody. */
  reserve(wish: Wish): Promise<Reservation>;
  /** What this process knows to close the project: calls that were reserved before are not made either. */
  closed(keyHash: string, now: number): Extract<Reservation, { kind: 'held' }> | undefined;
  /** Writes down what an answer says, if it says anything new. Never throws: the next answer will say it again. */
  learn(heard: Heard): Promise<void>;
}

/** Others that may write the same row in between before this gives up. */
const mostTries = 12;

/**
 * The pacer of one project. The row as it was last seen is kept, so that a process alone needs one call of the store
 * for a reservation; whoever was overtaken sees the newer row and decides again.
 */
export function pacer(project: string, quota: Quota, rows: ControlRows): Pacer {
  const row = sharedRow(`pace#${project}`, rows);
  return {
    burst: () => rhythmOf(paceFrom(row.seen().value), quota).burst,
    reserve: wish => reserveIn(row, wish, quota).catch(() => unavailable(wish)),
    closed: (keyHash, now) => {
      const closed = closedTo(paceFrom(row.seen().value), keyHash);
      return closed === undefined || closed.until <= now
        ? undefined
        : { kind: 'held', until: closed.until, code: closed.code };
    },
    learn: heard =>
      row
        .change(pace => learned(pace, heard, quota))
        .then(
          () => undefined,
          () => undefined,
        ),
  };
}

/** What is held by an old row is asked again by a new one, which somebody may have opened in the meantime. */
async function reserveIn(row: SharedRow, wish: Wish, quota: Quota): Promise<Reservation> {
  const first = reserve(paceFrom(row.seen().value), wish, quota);
  if (first.kind === 'held') await row.refresh();
  let reservation: Reservation = first;
  const written = await row.change(pace => {
    reservation = reserve(pace, wish, quota);
    return reservation.kind === 'reserved' ? reservation.next : pace;
  });
  return written ? reservation : unavailable(wish);
}

function unavailable({ now }: Wish): Reservation {
  return { kind: 'held', until: now, code: 'pace-unavailable' };
}

interface SharedRow {
  seen(): ControlRow;
  refresh(): Promise<void>;
  /** Writes what `decide` makes of the row, unless it is the same; false when too many others write it. */
  change(decide: (pace: Pace) => Pace): Promise<boolean>;
}

function sharedRow(key: string, rows: ControlRows): SharedRow {
  let seen: ControlRow = { revision: 0, value: untouched };
  const see = (row: ControlRow | undefined) => {
    if (row !== undefined && row.revision > seen.revision) seen = row;
  };
  return {
    seen: () => seen,
    refresh: async () => see((await rows.read([key])).get(key)),
    change: async decide => {
      for (let tries = 0; tries < mostTries; tries += 1) {
        const before = paceFrom(seen.value);
        const next = decide(before);
        if (next === before) return true;
        const { written, row } = await rows.write(key, seen.revision, next);
        see(row);
        if (written) return true;
      }
      return false;
    },
  };
}
