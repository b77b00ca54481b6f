/** An error that nobody foresaw, with a message that holds what no log may. */
export function crash(message: string): TypeError {
  return new TypeError(message);
}
