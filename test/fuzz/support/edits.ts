import fc from 'fast-check';

/** Values that parsers and comparisons have trouble with. No secret and no form of one is among them. */
const troublesome: readonly unknown[] = [
  ...['', ' ', '.', '..', '\u{0}', '\u{d800}', '__proto__', 'constructor', 'null', 'true', '%2e%2e', '/', '\r\n', '*'],
  ...['crm-10043', 'CRM-10042', 'crm-10042 ', 'cust_BenExample00000000000002', 'cust_LooksLikeAnId00000000002'],
  ...[
    ...['ADA@EXAMPLE.COM', '\u{a0}ada@example.com\n', 'ada@exa mple.com', 'ada@example.com,ben@example.com'],
    'ßen@example.com',
  ],
  ...[
    '0001-01-01T00:00:00Z',
    '1970-01-01T00:00:00.000Z',
    '2099-01-01T00:00:00Z',
    '2026-01-15T12:00:00Z',
    'x'.repeat(600),
  ],
  ...['delete', 'erasure', 'DeleteRequest', 'application/json', 'gzip', 'chunked', 'GET', 'https://169.254.169.254/'],
  ...[null, true, false, 0, -0, -1, 1, 1.5, 1e21, 1e308, 10_042, 2 ** 53, [], {}, [[]], [null], { length: 1 }],
];

/** One change of a JSON value: at the nth of its places. */
const edit = fc.record({
  at: fc.nat(40),
  do: fc.constantFrom('set', 'set', 'set', 'remove', 'wrap', 'repeat'),
  value: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...troublesome) }, fc.jsonValue({ maxDepth: 2 })),
});

export type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

export function edits(maxLength = 3): fc.Arbitrary<Edit[]> {
  return fc.array(edit, { maxLength });
}

/** Returns a changed copy of a JSON value. */
export function edited<T extends object>(value: T, changes: readonly Edit[]): T {
  const copy = structuredClone(value);
  for (const change of changes) {
    const places = placesOf(copy);
    const place = places[change.at % Math.max(1, places.length)];
    if (place !== undefined) apply(place, change);
  }
  return copy;
}

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesOf(holder: object): readonly Place[] {
  return Object.entries(holder).flatMap(([key, inner]) => [
    { holder: holder as Record<string, unknown>, key },
    ...(typeof inner === 'object' && inner !== null ? placesOf(inner) : []),
  ]);
}

function apply({ holder, key }: Place, change: Edit): void {
  // Copied, because the next change may be made inside it.
  const value = structuredClone(change.value);
  if (change.do === 'remove') delete holder[key];
  else if (change.do === 'wrap') holder[key] = [holder[key]];
  else if (change.do === 'repeat') holder[key] = [holder[key], value, structuredClone(holder[key])];
  else holder[key] = value;
}

/** Returns all texts and numbers in a value, as text. */
export function scalarsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(scalarsIn) : [];
}
