import fc from 'fast-check';
import type { Sent } from './voucherify.ts';

/** The result of one run: its violations, and figures that are printed. */
export interface Outcome {
  readonly violations: readonly string[];
  readonly [figure: string]: number | boolean | readonly string[];
}

/** A measured value and its maximum. */
type Bound = readonly [name: string, measured: number, maximum: number];

/** Returns a text for every bound that is exceeded, or whose value is NaN. */
export function exceeded(...bounds: readonly Bound[]): readonly string[] {
  return bounds
    .filter(([, measured, maximum]) => !(measured <= maximum))
    .map(([name, measured, maximum]) => `${name}: ${Number(measured.toFixed(3))}, the maximum is ${maximum}`);
}

/** Returns the largest number of calls to one project in any sliding window of this length. */
export function mostInWindow(sent: readonly Sent[], project: string, windowMs: number): number {
  const times = sent.filter(call => call.project === project).map(call => call.at);
  let [most, first] = [0, 0];
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? at) <= at - windowMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** Returns how many calls got a 429. */
export function throttledCalls(sent: readonly Sent[]): number {
  return sent.filter(({ status }) => status === 429).length;
}

/** Returns the smallest failing case of a property, or nothing if it holds. */
export function propertyViolations<T>(details: fc.RunDetails<T>): readonly string[] {
  if (!details.failed) return [];
  const report = fc.defaultReportMessage(details) ?? 'failed';
  return [`${report.slice(0, maxReport)}\n${String(details.errorInstance).slice(0, maxReport)}`];
}

const maxReport = 6000;
