import * as v from 'valibot';
import type { SandboxContext } from './world.ts';

/** Whether a call is within the limit, and the headers that tell the caller how they stand. */
interface Quota {
  readonly allowed: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

const windowSchema = v.object({ starts: v.number(), used: v.number() });

/**
 * Spends one call of the project's fixed window. `x-rate-limit-retry` is the epoch second at which the window ends, so
 * also when calls remain; `retry-after`, in seconds, comes only with a refusal (Voucherify docs, API limits).
 */
export function spendCall({ sql, limit, now }: SandboxContext, project: string): Quota {
  const period = limit.periodSeconds * 1000;
  const starts = Math.floor(now() / period) * period;
  const row = sql.get`SELECT starts, used FROM windows WHERE project = ${project} AND starts = ${starts}`;
  const used = row === undefined ? 0 : v.parse(windowSchema, row).used;
  const allowed = used < limit.calls;
  const spent = allowed ? used + 1 : used;
  sql.run`INSERT OR REPLACE INTO windows (project, starts, used) VALUES (${project}, ${starts}, ${spent})`;
  const headers = {
    'x-rate-limit-limit': String(limit.calls),
    'x-rate-limit-remaining': String(limit.calls - spent),
    'x-rate-limit-retry': String(Math.ceil((starts + period) / 1000)),
  };
  const wait = Math.ceil((starts + period - now()) / 1000);
  return { allowed, headers: allowed ? headers : { ...headers, 'retry-after': String(wait) } };
}
