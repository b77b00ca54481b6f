import fc from 'fast-check';

/** Runs of a property in the everyday tests; `FUZZ_RUNS` asks for more and `FUZZ_SEED` for other ones. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 300);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_260_115);

/** Asserts a property; on failure fast-check prints the seed and the smallest example. */
export function holds<Ts>(property: fc.IProperty<Ts>): void {
  fc.assert(property, { seed, numRuns });
}

/** The same of a property that takes its time, with fewer runs. */
export function eventuallyHolds<Ts>(property: fc.IAsyncProperty<Ts>): Promise<void> {
  return fc.assert(property, { seed, numRuns: Math.ceil(numRuns / 3) });
}

/** A text or bytes with one bit changed. */
export function flipped(text: string | Uint8Array, bit: number): Buffer {
  const bytes = Buffer.from(text);
  bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7);
  return bytes;
}
