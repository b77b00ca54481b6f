/** A row that steers the work instead of proving it: the pace of a project, a pause, a count. */
export interface VersionedRow {
  /** Grows by one with every write; zero where there is no row yet. */
  readonly revision: number;
  readonly value: unknown;
}

/**
 * The control rows, which share a table with the receipts. Every verb throws `unavailable` with the alarm
 * `store-unavailable` when the store cannot be reached.
 */
export interface VersionedStore {
  /** The rows that exist, strongly consistent, in one call. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, VersionedRow>>;
  /** Writes over revision `expected`, zero for a new row; answers what stands there afterwards. */
  write(
    key: string,
    expected: number,
    value: unknown,
  ): Promise<{ readonly written: boolean; readonly row: VersionedRow }>;
  /** Adds one to a counter that begins at zero and may be dropped after `expiresAt` (epoch seconds); gives the sum. */
  count(key: string, expiresAt: number): Promise<number>;
}
