import type { Receipt, ReceiptState } from '../../../lambda/receipts/receipt.ts';
import { isIn, type Period } from '../closed-receipts.ts';
import { csvRecord } from '../csv.ts';
import { shortName } from '../receipts.ts';
import { dayMs, type Output, tableLines } from '../terminal.ts';

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
  /** Part of the closed requests: a deleted customer was still returned, or could not be looked up. */
  readonly stillPresent: number;
  readonly unavailable: number;
  /** Days from the request to its end, of all finished requests; absent if there are none. */
  readonly medianDays?: number;
  readonly meanDays?: number;
}

/** The fields of a receipt that are counted. */
export type ReportCounts = Pick<Receipt, 'state' | 'submittedAt' | 'closedAt' | 'verification'>;

/** Counts receipts one by one. Keeps one number for each finished request, which the median needs. */
export interface Tally {
  readonly states: Map<ReceiptState, number>;
  readonly days: number[];
  readonly verifications: Map<string, number>;
}

/** Returns a tally without receipts. */
export function emptyTally(): Tally {
  return { states: new Map(), days: [], verifications: new Map() };
}

/** Adds one receipt to a tally. */
export function addTo(tally: Tally, { state, submittedAt, closedAt, verification }: ReportCounts): void {
  const { states, days, verifications } = tally;
  const result = verification?.result;
  if (result !== undefined) verifications.set(result, (verifications.get(result) ?? 0) + 1);
  addState(states, state);
  if (closedAt !== undefined) days.push((closedAt - submittedAt) / dayMs);
}

/** Counts one more receipt in this state. */
function addState(states: Tally['states'], state: ReceiptState): void {
  states.set(state, (states.get(state) ?? 0) + 1);
}

/** Computes the figures of all receipts in these tallies. */
export function figuresOf(tallies: readonly Tally[]): Figures {
  const counts = tallies.flatMap(({ states }) => [...states]);
  const sum = (of: readonly (readonly [ReceiptState, number])[]) => of.reduce((all, [, number]) => all + number, 0);
  const count = (...states: readonly ReceiptState[]) => sum(counts.filter(([state]) => states.includes(state)));
  const verified = (result: string) =>
    tallies.reduce((all, { verifications }) => all + (verifications.get(result) ?? 0), 0);
  const days = sortedDays(tallies);
  return {
    received: sum(counts),
    complied: count('erased'),
    denied: count('refused', 'not-identifiable'),
    noMatch: count('no-match', 'created-later'),
    open: count('open', 'needs-review'),
    refused: count('refused'),
    notIdentifiable: count('not-identifiable'),
    createdLater: count('created-later'),
    stillPresent: verified('stillPresent'),
    unavailable: verified('unavailable'),
    ...(days.length === 0 ? {} : { medianDays: round(median(days)), meanDays: round(mean(days)) }),
  };
}

/**
 * Returns the days of all finished requests, in order. A typed array is sorted by value and in place, eight bytes for each
 * of possibly millions of numbers.
 */
export function sortedDays(tallies: readonly Tally[]): Float64Array {
  const days = new Float64Array(tallies.reduce((sum, tally) => sum + tally.days.length, 0));
  let at = 0;
  for (const tally of tallies) {
    days.set(tally.days, at);
    at += tally.days.length;
  }
  return days.sort();
}

function median(sorted: Float64Array): number {
  const half = sorted.length / 2;
  return mean(sorted.subarray(Math.ceil(half) - 1, Math.floor(half) + 1));
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(days: number): number {
  return Math.round(days * 100) / 100;
}

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

/** The figures of one platform, or of all (`total`). */
export type ReportLine = Figures & { readonly platform: string; readonly ignored: number; readonly reappeared: number };

/** What was counted by the day, for each platform. */
export type DailyCounts = ReadonlyMap<string, number>;

/** Returns a line for each platform, sorted by name, and the total. */
export function reportLines(
  byPlatform: ReadonlyMap<string, Tally>,
  counts: Readonly<Record<'ignored' | 'reappeared', DailyCounts>>,
): readonly ReportLine[] {
  const names = [
    ...new Set([byPlatform, counts.ignored, counts.reappeared].flatMap(map => [...map.keys()])),
  ].toSorted();
  const tallies = names.map(name => byPlatform.get(name) ?? emptyTally());
  const lines = names.map((platform, at) => {
    const [ignored, reappeared] = [counts.ignored.get(platform) ?? 0, counts.reappeared.get(platform) ?? 0];
    return { platform, ...figuresOf(tallies.slice(at, at + 1)), ignored, reappeared };
  });
  const sum = (of: DailyCounts) => [...of.values()].reduce((all, count) => all + count, 0);
  const total = { ignored: sum(counts.ignored), reappeared: sum(counts.reappeared) };
  return [...lines, { platform: 'total', ...figuresOf(tallies), ...total }];
}

/** Prints the lines as CSV, and on a terminal, as a table that fits it. */
export function printLines(lines: readonly ReportLine[], output: Output): void {
  if (output.columns !== undefined) {
    for (const line of tableLines(shortHeader, lines.map(shortCells), output.columns)) output.print(line);
    for (const line of lines.slice(-1).flatMap(detailsOf)) output.print(line, 2);
  } else {
    output.print(csvRecord(columns));
    for (const line of lines) output.print(csvRecord(cellsOf(line)));
  }
}

const shortHeader = ['PLATFORM', 'RECEIVED', 'COMPLIED', 'DENIED', 'NO MATCH', 'OPEN', 'MEDIAN DAYS'];

function shortCells(line: ReportLine): readonly string[] {
  const { platform, received, complied, denied, noMatch, open, medianDays = '-' } = line;
  return [shortName(platform), ...[received, complied, denied, noMatch, open, medianDays].map(String)];
}

/** The columns that the table on a terminal has no room for. */
function detailsOf(line: ReportLine): readonly string[] {
  const {
    refused,
    notIdentifiable,
    createdLater,
    meanDays = '-',
    ignored,
    reappeared,
    stillPresent,
    unavailable,
  } = line;
  return [
    `denied: ${refused} refused, ${notIdentifiable} not identifiable; no match: ${createdLater} created later`,
    `after the deletion: ${stillPresent} still present, ${unavailable} not verified`,
    `mean days: ${meanDays}; ignored messages: ${ignored}; reappeared: ${reappeared}; in a file: CSV`,
  ];
}

const columns = [
  ...['platform', 'received', 'complied_in_whole_or_part', 'denied', 'no_match', 'open'],
  ...['refused', 'not_identifiable', 'created_later', 'median_days', 'mean_days', 'ignored', 'reappeared'],
  ...['still_present', 'unavailable'],
];

function cellsOf(line: ReportLine): readonly (string | number)[] {
  const { platform, received, complied, denied, noMatch, open, refused, notIdentifiable, createdLater } = line;
  const { medianDays = '', meanDays = '', ignored, reappeared, stillPresent, unavailable } = line;
  const counts = [received, complied, denied, noMatch, open, refused, notIdentifiable, createdLater];
  return [platform, ...counts, medianDays, meanDays, ignored, reappeared, stillPresent, unavailable];
}
