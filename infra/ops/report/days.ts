import { OpsUsageError } from '../refused.ts';
import { dayMs } from '../times.ts';

/** From the beginning of the first day until before the end of the last, in epoch milliseconds. */
export interface Period {
  readonly from: number;
  readonly before: number;
}

/** Whole days in UTC, both included. Throws {@link OpsUsageError} for what is no date, and for an end before its beginning. */
export function periodOf(from: string | undefined, to: string | undefined): Period {
  const period = { from: dayOf('--from', from), before: dayOf('--to', to) + dayMs };
  if (period.before <= period.from) throw new OpsUsageError('--to: must not be before --from');
  return period;
}

function dayOf(option: string, text = ''): number {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  // JavaScript takes 2026-02-30 for a day of March.
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text) {
    throw new OpsUsageError(`${option}: must be a day such as 2026-01-31`);
  }
  return at;
}
