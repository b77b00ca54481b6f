/** What JSON holds is unknown until a schema has read it; the compiler insists. */
interface JSON {
  parse(text: string, reviver?: (this: unknown, key: string, value: unknown) => unknown): unknown;
}
