import type { ReadSecret } from '../io/secret-cache.ts';

/**
 * How long the init phase waits for the secrets, in milliseconds: half of the time that Lambda allows
 * (Lambda Developer Guide, "Lambda execution environment lifecycle", Init phase).
 */
const maxWaitMs = 5000;
/** A timer runs on while the instance is frozen. The wait consists of short timers, so a freeze ends only one of them. */
const stepMs = 100;

/**
 * Reads the secrets during the init phase and waits for at most five seconds of running time. Lambda may freeze an
 * instance between init and its first event, and a pending read then times out. Never throws: the first event reads again
 * what failed here. `wait` resolves after that many milliseconds.
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
  for (let leftMs = maxWaitMs; leftMs > 0 && !isOver; leftMs -= stepMs) await Promise.race([reads, wait(stepMs)]);
}
