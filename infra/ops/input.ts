import { createInterface } from 'node:readline';

/** The lines of standard input, without what ends them. */
export async function* inputLines(): AsyncIterable<string> {
  yield* createInterface({ input: process.stdin });
}
