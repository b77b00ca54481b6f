/** A control row: the rate limit of a project, a pause or the heartbeat. */
export interface VersionedRow {
  /** Increases by one with every write; zero if the row does not exist yet. */
  readonly revision: number;
  readonly value: unknown;
}

/**
 * Stores the control rows, in the same table as the receipts. Every method throws `unavailable` with the alarm
 * `store-unavailable` if the store cannot be reached.
 */
export interface VersionedStore {
  /** Returns the rows that exist, with one strongly consistent read. A counter is a row with its count as value. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, VersionedRow>>;
  /** Replaces the row if its revision is `expected` (zero: no row yet). Returns the row as it is afterwards. */
  write(
    key: string,
    expected: number,
    value: unknown,
  ): Promise<{ readonly written: boolean; readonly row: VersionedRow }>;
  /** Adds one to a counter, which starts at zero and expires at `expiresAt` (epoch seconds). Returns the new value. */
  count(key: string, expiresAt: number): Promise<number>;
}
