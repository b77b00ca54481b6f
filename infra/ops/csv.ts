/** Returns a CSV record (RFC 4180), quoted where needed. It ends with CR; `Output.print` adds LF. */
export function csvRecord(cells: readonly (string | number)[]): string {
  return `${cells.map(cell => (typeof cell === 'number' ? String(cell) : quote(neutralise(cell)))).join(',')}\r`;
}

/** A spreadsheet would read such a text as a formula (OWASP, "CSV Injection"). With an apostrophe before it, it is text. */
function neutralise(cell: string): string {
  return /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
}

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
