/** Makes a signal an ordinary end, so that what is killed at the end is killed then too. */
export function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
}
