/** Statistics of a series of measurements. */
export interface Summary {
  readonly least: number;
  readonly median: number;
  readonly p99: number;
  readonly most: number;
}

/** Returns the statistics of a series. Throws `RangeError` if it is empty. */
export function summary(measured: readonly number[]): Summary {
  const sorted = measured.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  const [least, median, p99, most] = [at(0), at(0.5), at(0.99), at(1)];
  if (least === undefined || median === undefined || p99 === undefined || most === undefined) {
    throw new RangeError('there are no measurements');
  }
  return { least, median, p99, most };
}

/** Returns a Markdown table; the first row is its header. */
export function markdown(rows: readonly (readonly (string | number)[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '--:'));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}
