import { dayOf, OpsUsageError, type ParsedArgs } from './args.ts';
import { dayMs, isoSeconds } from './terminal.ts';

/** Options that select whole days in UTC. */
export const periodOptions = { year: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } } as const;

export const periodHelp = `  --from DATE     the first day (YYYY-MM-DD), in UTC
  --to DATE       the last day, which is included: the period ends before 00:00
                  UTC of the next day
  --year YYYY     the same as --from YYYY-01-01 --to YYYY-12-31`;

/** From the start of the first day up to the end of the last, which is excluded, in epoch milliseconds. */
export interface Period {
  readonly from: number;
  readonly before: number;
}

/** Returns the period that the options select; an end that is not given is open. Throws {@link OpsUsageError}. */
export function periodOf(args: ParsedArgs): Period {
  const [year, from, to] = [args.text('year'), args.text('from'), args.text('to')];
  if (year !== undefined) {
    if (from !== undefined || to !== undefined) throw new OpsUsageError('--year: not together with --from or --to');
    if (!/^[1-9]\d{3}$/.test(year)) throw new OpsUsageError('--year: must be a year such as 2026');
    return { from: Date.UTC(Number(year), 0), before: Date.UTC(Number(year) + 1, 0) };
  }
  const period = {
    from: from === undefined ? Number.NEGATIVE_INFINITY : dayOf('--from', from),
    before: to === undefined ? Number.POSITIVE_INFINITY : dayOf('--to', to) + dayMs,
  };
  if (period.before <= period.from) throw new OpsUsageError('--to: must not be before --from');
  return period;
}

/** Returns whether a time (epoch milliseconds) is in the period. */
export function isIn({ from, before }: Period, at: number): boolean {
  return at >= from && at < before;
}

/** Says exactly which times are in the period. */
export function periodText({ from, before }: Period): string {
  const parts = [
    ...(Number.isFinite(from) ? [`from ${isoSeconds(from)}`] : []),
    ...(Number.isFinite(before) ? [`before ${isoSeconds(before)}`] : []),
  ];
  return parts.length === 0 ? 'at any time' : parts.join(' until ');
}
