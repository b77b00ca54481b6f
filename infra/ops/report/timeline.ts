import type { ReceiptState } from '../../../lambda/receipts/receipt.ts';
import { isIn, type Period } from '../period.ts';
import { dayMs } from '../terminal.ts';
import { addState, emptyTally, type Figures, figuresOf } from './figures.ts';

/** Requests by the day, month or year in which they were received. Small, however many requests there are. */
export interface Timeline {
  /** Of the ISO date: a year, a month or a day. */
  readonly labelLength: 4 | 7 | 10;
  readonly states: Map<string, Map<ReceiptState, number>>;
}

/** Longest periods that are shown by day and by month, in days. */
const longest = { byDay: 62, byMonth: 3 * 366 };

/** Returns a timeline without requests: with one part for each day of a short period, otherwise for each month or year. */
export function emptyTimeline({ from, before }: Period): Timeline {
  const days = (before - from) / dayMs;
  const labelLength = days <= longest.byDay ? 10 : days <= longest.byMonth ? 7 : 4;
  const states: Timeline['states'] = new Map();
  for (let at = from; isIn({ from, before }, at); at += dayMs) states.set(labelOf(at, labelLength), new Map());
  return { labelLength, states };
}

/** Adds a request that was received in the period (epoch milliseconds). */
export function addToTimeline({ states, labelLength }: Timeline, receivedAt: number, state: ReceiptState): void {
  const part = states.get(labelOf(receivedAt, labelLength));
  if (part !== undefined) addState(part, state);
}

/** The figures of one part of a timeline. */
export interface TimelinePart {
  /** A day, month or year, as the ISO date begins. */
  readonly label: string;
  readonly figures: Figures;
}

/** Returns the parts in order. */
export function timelineParts({ states }: Timeline): readonly TimelinePart[] {
  return [...states].map(([label, counts]) => ({ label, figures: figuresOf([{ ...emptyTally(), states: counts }]) }));
}

function labelOf(at: number, length: number): string {
  return new Date(at).toISOString().slice(0, length);
}
