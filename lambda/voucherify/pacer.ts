import type { ControlRow, ControlRows } from '../receipts/control.ts';
import { type Heard, learned } from './learn.ts';
import { closedTo, type Pace, paceOrUndefined, type Reservation, reserve, untouched, type Wish } from './pace.ts';
import { type Quota, type Rhythm, rhythmOf } from './rhythm.ts';

/** The pace of one project as this process sees it. */
export interface Pacer {
  /** How fast the project may be called; one reservation holds a burst at most. */
  rhythm(): Rhythm;
  /** Reads the row, so that a reservation is not overtaken by what others wrote before it. Never throws. */
  look(): Promise<void>;
  /** Reserves by one conditional write. Never throws: a pace that cannot be read or written holds everybody. */
  reserve(wish: Wish): Promise<Reservation>;
  /** What this process knows to close the project: calls that were reserved before are not made either. */
  closed(keyHash: string, now: number): Extract<Reservation, { kind: 'held' }> | undefined;
  /** Writes down what an answer says, if it says anything new. Never throws: the next answer will say it again. */
  learn(heard: Heard): Promise<void>;
}

/** Others that may write the same row in between before this gives up: as many as may come at once. */
const mostTries = 50;

/**
 * The pacer of one project. The row as it was last seen is kept, so that a process alone needs one call of the store
 * for a reservation; whoever was overtaken sees the newer row and decides again.
 */
export function pacer(project: string, quota: Quota, rows: ControlRows): Pacer {
  const row = sharedRow(keyOf(project), rows);
  return {
    rhythm: () => rhythmOf(row.pace() ?? untouched, quota),
    look: () => row.refresh().catch(() => undefined),
    reserve: wish => reserveIn(row, wish, quota).catch(() => unavailable(wish)),
    closed: (keyHash, now) => closedIn(row, keyHash, now),
    learn: heard =>
      row
        .change(pace => learned(pace, heard, quota))
        .then(
          () => undefined,
          () => undefined,
        ),
  };
}

/** How the pace of a project stands; `undefined` when its row cannot be read. Throws what {@link ControlRows} throw. */
export async function paceOf(project: string, rows: ControlRows): Promise<Pace | undefined> {
  const key = keyOf(project);
  const row = (await rows.read([key])).get(key);
  return row === undefined ? untouched : paceOrUndefined(row.value);
}

function keyOf(project: string): string {
  return `pace#${project}`;
}

/** What is held by an old row is asked again by a new one, which somebody may have opened in the meantime. */
async function reserveIn(row: SharedRow, wish: Wish, quota: Quota): Promise<Reservation> {
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
  const closed = closedTo(pace, keyHash);
  if (closed === undefined || closed.until <= now) return undefined;
  return { kind: 'held', until: closed.until, code: closed.code };
}

function unavailable({ now }: Pick<Wish, 'now'>): HeldUntil {
  return { kind: 'held', until: now, code: 'pace-unavailable' };
}

interface SharedRow {
  /** As it was last seen; `undefined` when what stands there cannot be read. */
  pace(): Pace | undefined;
  refresh(): Promise<void>;
  /** Writes what `decide` makes of the row, unless it is the same; false when too many others write it. */
  change(decide: (pace: Pace) => Pace): Promise<boolean>;
}

interface Seen {
  readonly revision: number;
  readonly pace: Pace | undefined;
}

const nothingYet: Seen = { revision: 0, pace: untouched };

function sharedRow(key: string, rows: ControlRows): SharedRow {
  let seen = nothingYet;
  const see = (row: ControlRow) => {
    if (row.revision > seen.revision) seen = { revision: row.revision, pace: paceOrUndefined(row.value) };
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
