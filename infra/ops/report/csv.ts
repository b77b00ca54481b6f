/** One record (RFC 4180): quoted where it has to be. The line feed that ends it with this carriage return is the printer's. */
export function csvRecord(cells: readonly (string | number)[]): string {
  return `${cells.map(cell => quoted(String(cell))).join(',')}\r`;
}

function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
