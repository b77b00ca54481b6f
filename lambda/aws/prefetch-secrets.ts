import type { ReadSecret } from '../io/secret-cache.ts';

/**
 * Longest that the start of a function waits for its secrets, in milliseconds: half of what Lambda allows a start
 * (Lambda Developer Guide, "Lambda execution environment lifecycle", Init phase).
 */
const longestMs = 5000;
/** A timer goes on while the instance is frozen. The wait consists of short ones, so a freeze ends only one of them. */
const stepMs = 100;

/**
 * Reads the secrets while the function starts, and waits for at most five seconds of running time. Lambda may freeze an
 * instance between its start and its first event, and a read that is under way then times out. Never throws: the first
 * event reads again what could not be read here. `wait` resolves after that many milliseconds.
 */
export async function readAhead(
  readSecret: ReadSecret,
  names: readonly string[],
  wait: (ms: number) => Promise<unknown>,
): Promise<void> {
  let isOver = names.length === 0;
  const reads = Promise.allSettled(names.map(name => readSecret(name))).then(() => {
    isOver = true;
  });
  for (let leftMs = longestMs; leftMs > 0 && !isOver; leftMs -= stepMs) await Promise.race([reads, wait(stepMs)]);
}
