/** A control row: the rate limit of a project, a pause or the heartbeat. */
export interface VersionedRow {
  /** Increases by one with every write of the value; zero if the row does not exist yet. */
  readonly revision: number;
  readonly value: unknown;
  /** The token time of a rate limit, in epoch milliseconds. Absent until it is first advanced. */
  readonly tokenTime?: number;
}

/** The row after a conditional write, and whether it was written. */
export interface ControlWrite {
  readonly written: boolean;
  readonly row: VersionedRow;
}

/** One step of a token time. Times are epoch milliseconds; a missing token time counts as zero. */
export interface TokenAdvance {
  /** The token time as the caller last read it. It only decides which of two equivalent writes is tried first. */
  readonly known: number;
  /** The token time becomes the later of itself and `from`, plus `by`. */
  readonly from: number;
  readonly by: number;
  /** The token time may not be later than this before the step. */
  readonly atMost: number;
  /** Replaces the value in the same write, and then the revision increases. Required for a row that does not exist. */
  readonly value?: unknown;
}

/**
 * Stores the control rows, in the same table as the receipts. Every method throws `unavailable` with the alarm
 * `store-unavailable` if the store cannot be reached.
 */
export interface VersionedStore {
  /** Returns the rows that exist, with one strongly consistent read. A counter is a row with its count as value. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, VersionedRow>>;
  /**
   * Replaces the value if the row's revision is `expected` (zero: no row yet), and keeps its token time. Returns the row
   * as it is afterwards; after a successful write without its token time. `expiresAt` (epoch seconds) sets an expiry; without
   * it, the expiry stays as it is.
   */
  write(key: string, expected: number, value: unknown, expiresAt?: number): Promise<ControlWrite>;
  /**
   * Advances the token time in one atomic write if the row's revision is `expected` (zero: no row yet). Several processes
   * may do so at once without a conflict. Returns the row as it is afterwards.
   */
  advance(key: string, expected: number, step: TokenAdvance): Promise<ControlWrite>;
  /** Sets the token time back to `to` if it is still exactly `from`. Returns whether it did. */
  moveBack(key: string, from: number, to: number): Promise<boolean>;
  /** Adds one to a counter, which starts at zero and expires at `expiresAt` (epoch seconds). Returns the new value. */
  count(key: string, expiresAt: number): Promise<number>;
}
