/**
 * How long the init phase waits for the reads, in milliseconds: half of the time that Lambda allows
 * (Lambda Developer Guide, "Lambda execution environment lifecycle", Init phase).
 */
const maxWaitMs = 5000;
/** A timer runs on while the instance is frozen. The wait consists of short timers, so a freeze ends only one of them. */
const stepMs = 100;

/**
 * Starts reads during the init phase and waits for at most five seconds of running time. Lambda may freeze an
 * instance between init and its first event, and a pending read then times out. Never throws: the first event reads again
 * what failed here. `wait` resolves after that many milliseconds.
 */
export async function readAhead(
  reads: readonly (() => Promise<unknown>)[],
  wait: (ms: number) => Promise<unknown>,
): Promise<void> {
  let isOver = reads.length === 0;
  const all = Promise.allSettled(reads.map(read => read())).then(() => {
    isOver = true;
  });
  for (let leftMs = maxWaitMs; leftMs > 0 && !isOver; leftMs -= stepMs) await Promise.race([all, wait(stepMs)]);
}
