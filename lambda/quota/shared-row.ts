import type { VersionedRow, VersionedStore } from '../control/versioned-store.ts';
import {
  initialRateLimit,
  type JointReservation,
  parseRateLimit,
  type RateLimitState,
  storedRateLimit,
} from './rate-limit.ts';

/** The row of one rate limit, as this process last read or wrote it. The methods throw what {@link VersionedStore} throws. */
export interface SharedRow {
  /** The last state read; `undefined` if the stored row is unreadable. */
  state(): RateLimitState | undefined;
  refresh(): Promise<void>;
  /** Writes the result of `decide` unless it is unchanged. Returns false after too many conflicts. */
  change(decide: (state: RateLimitState) => RateLimitState): Promise<boolean>;
  /**
   * Advances the token time from the last state, in one atomic write. Returns the token time that the step began at, or
   * `undefined` if the row is not as expected; then the last state is the row as it is now.
   */
  advance(joint: JointReservation): Promise<number | undefined>;
  /** Sets the token time back to `to` if it is still `from`. Returns whether it did. */
  moveBack(from: number, to: number): Promise<boolean>;
}

/** Conflicting writes before a change fails: as many as there may be concurrent processes. */
export const maxTries = 50;

/** Opens the row. Until it is read, this process expects that it does not exist. */
export function openSharedRow(key: string, rows: VersionedStore): SharedRow {
  const initial: { revision: number; state: RateLimitState | undefined } = { revision: 0, state: initialRateLimit };
  let cached = initial;
  // The token time may change within a revision. A lower revision is a row that was deleted or restored from a backup.
  const update = (row: VersionedRow) => {
    cached = row.revision === 0 ? initial : { revision: row.revision, state: parseRateLimit(row) };
  };
  const refresh = async () => update((await rows.read([key])).get(key) ?? { revision: 0, value: undefined });
  const moveBack = async (from: number, to: number) => {
    const isMoved = await rows.moveBack(key, from, to);
    if (isMoved && cached.state?.notBefore === from) cached = { ...cached, state: { ...cached.state, notBefore: to } };
    return isMoved;
  };
  const write = async (next: RateLimitState): Promise<boolean> => {
    const { written, row } = await rows.write(key, cached.revision, storedRateLimit(next));
    if (!written) update(row);
    else if (row.revision > cached.revision) cached = { revision: row.revision, state: next };
    return written;
  };
  return {
    state: () => cached.state,
    refresh,
    moveBack,
    change: async decide => {
      for (let tries = 0; tries < maxTries; tries += 1) {
        const { state } = cached;
        if (state === undefined) return false;
        const next = decide(state);
        if (next === state) return true;
        const isMoved = next.notBefore === state.notBefore || (await moveBack(state.notBefore, next.notBefore));
        if (!isMoved) await refresh();
        else if (hasSameValue(next, state) || (await write(next))) return true;
      }
      return false;
    },
    advance: async ({ next, step }) => {
      const { revision, state } = cached;
      const isChanged = revision === 0 || next.breaker !== state?.breaker;
      const value = isChanged ? { value: storedRateLimit(next) } : {};
      const known = state?.notBefore ?? 0;
      const { written, row } = await rows.advance(key, revision, { ...step, known, ...value });
      if (!written || row.revision >= cached.revision) update(row);
      return written ? (row.tokenTime ?? 0) - step.by : undefined;
    },
  };
}

function hasSameValue(a: RateLimitState, b: RateLimitState): boolean {
  return JSON.stringify(storedRateLimit(a)) === JSON.stringify(storedRateLimit(b));
}
