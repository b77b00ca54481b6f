/** Parsed JSON is `unknown` until a schema has validated it. */
interface JSON {
  parse(
    text: string,
    reviver?: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}
