import type { Sent } from './voucherify.ts';

/** The most calls that left for one project in any sliding window of so many milliseconds. */
export function mostInWindow(sent: readonly Sent[], project: string, windowMs: number): number {
  const times = sent.filter(call => call.project === project).map(call => call.at);
  let [most, first] = [0, 0];
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? at) <= at - windowMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
