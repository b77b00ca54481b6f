import fc from 'fast-check';
import { anyOrder } from './interleavings.ts';
import { sequences } from './rules.ts';

export interface PropertyNumbers {
  readonly violations: readonly string[];
  readonly runs: number;
}

/** Orders in which several deliveries of one request and several sweeps meet. */
export async function runInterleavings(seed: number, numRuns: number): Promise<PropertyNumbers> {
  const details = await fc.check(anyOrder, { seed, numRuns, endOnFailure: false });
  return { violations: failureOf(details), runs: details.numRuns };
}

/** Command sequences of the receipt rules; `closed` of them came to a closed receipt. */
export async function runRules(seed: number, numRuns: number): Promise<PropertyNumbers & { readonly closed: number }> {
  const closed = { count: 0 };
  const details = await fc.check(sequences(closed), { seed, numRuns });
  return { violations: failureOf(details), runs: details.numRuns, closed: closed.count };
}

/** The smallest case that fast-check came to. */
function failureOf<T>(details: fc.RunDetails<T>): readonly string[] {
  if (!details.failed) return [];
  const report = fc.defaultReportMessage(details) ?? 'failed';
  return [`${report.slice(0, longest)}\n${String(details.errorInstance).slice(0, longest)}`];
}

const longest = 6000;
