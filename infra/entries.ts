/** The pairs of an object whose keys are all known: `Object.entries` forgets which they are. */
export function typedEntries<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  const keys: K[] = [];
  for (const key in record) keys.push(key);
  return keys.map(key => [key, record[key]]);
}
