import type { Receipt, ReceiptState } from '../../../lambda/receipts/receipt.ts';
import { dayMs } from '../terminal.ts';

/** The metrics of the CCPA regulations, section 7102(a)(1), for requests to delete, and their parts. */
export interface Figures {
  readonly received: number;
  /** In whole or in part. */
  readonly complied: number;
  readonly denied: number;
  readonly noMatch: number;
  readonly open: number;
  readonly refused: number;
  readonly notIdentifiable: number;
  /** Every customer found was created after the request; counted in `noMatch`. */
  readonly createdLater: number;
  /** Days from the request to its end, of all finished requests; absent if there are none. */
  readonly medianDays?: number;
  readonly meanDays?: number;
}

/** The fields of a receipt that are counted. */
export type ReportCounts = Pick<Receipt, 'state' | 'submittedAt' | 'closedAt'>;

/** Computes the figures of some receipts. */
export function figuresOf(receipts: readonly ReportCounts[]): Figures {
  const count = (...states: readonly ReceiptState[]) => receipts.filter(({ state }) => states.includes(state)).length;
  const days = receipts.flatMap(({ submittedAt, closedAt }) =>
    closedAt === undefined ? [] : [(closedAt - submittedAt) / dayMs],
  );
  return {
    received: receipts.length,
    complied: count('erased'),
    denied: count('refused', 'not-identifiable'),
    noMatch: count('no-match', 'created-later'),
    open: count('open', 'needs-review'),
    refused: count('refused'),
    notIdentifiable: count('not-identifiable'),
    createdLater: count('created-later'),
    ...(days.length === 0 ? {} : { medianDays: round(median(days)), meanDays: round(mean(days)) }),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return mean(sorted.slice(Math.ceil(half) - 1, Math.floor(half) + 1));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(days: number): number {
  return Math.round(days * 100) / 100;
}
