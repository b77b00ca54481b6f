/** The quota as settings have it, until Voucherify says otherwise. */
export interface Quota {
  readonly share: number;
  readonly limit: number;
  readonly periodMs: number;
}

export interface TokenInterval {
  /** Calls that a period allows; less than one where it takes several periods for one. */
  readonly allowed: number;
  /** Milliseconds from one call to the next. */
  readonly intervalMs: number;
  /** Calls that may go out at once. */
  readonly burst: number;
  /** How long after its turn a call may still go out. */
  readonly lateMs: number;
}

/** The least that a call may be late, in milliseconds: answers that are awaited and rows that are written before it. */
const leastLateMs = 1000;

/**
 * How fast a project may be called: over any period at most `share × limit` calls, a burst of them and those that are
 * late included. The burst is a tenth of the share, at most five, and two where the share has two: a look and the
 * deletion that follows it go out together. One call an interval and a burst leave one call to spare in every period,
 * which is what may be late; many calls a second leave too little, so their interval is longer.
 */
export function tokenInterval(learnt: Partial<Pick<Quota, 'limit' | 'periodMs'>>, quota: Quota): TokenInterval {
  const { limit = quota.limit, periodMs = quota.periodMs } = learnt;
  const share = limit * quota.share;
  // Rounded down but for what multiplying has lost; less than one call a period is a longer period.
  const allowed = share < 1 ? share : Math.floor(share + 1e-9);
  const burst = Math.max(1, Math.floor(Math.min(2, allowed)), Math.floor(Math.min(5, allowed / 10)));
  const steady = periodMs / (allowed > burst ? allowed - burst : allowed);
  const spare = Math.max(allowed, 1) + 1 - burst;
  const intervalMs = Math.max(steady, (periodMs + leastLateMs) / spare);
  return { allowed, intervalMs, burst, lateMs: intervalMs * spare - periodMs };
}
