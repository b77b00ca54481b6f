import { type Quota, type RateLimitState, tokenInterval } from './rate-limit.ts';

const minute = 60_000;
const hour = 60 * minute;

/** How far a correct process can look ahead: its claim, and a minute of difference between two clocks. */
const lookAheadMs = 2 * minute;

/**
 * Corrects the times that no process with a correct clock can have written, in milliseconds. Without this, one process whose
 * clock is a day fast would stop the project for a day. Returns the same object if all times are possible.
 *
 * Reservations reach at most one burst beyond the longest look-ahead: with a small hourly quota, a burst takes more than an
 * hour. A later `notBefore` is replaced as if one whole burst had just been reserved. An open breaker allows a probe at
 * once, and the next response says again what is left for the shop.
 */
export function correctTimes(state: RateLimitState, now: number, quota: Quota): RateLimitState {
  const { intervalMs, burst } = tokenInterval(state, quota);
  const { reservedForShopUntil = 0, breaker, failures, ...rest } = state;
  const isPossible = (at: number, waitMs: number) => at <= now + waitMs + lookAheadMs;
  const openUntil = breaker?.openUntil ?? 0;
  const openedAt = breaker?.openedAt ?? 0;
  const since = failures?.since ?? 0;
  const isReserved = isPossible(state.notBefore, burst * intervalMs);
  const isForShop = isPossible(reservedForShopUntil, hour);
  const isBreaker = isPossible(openUntil, hour) && isPossible(openedAt, 0);
  if (isReserved && isForShop && isBreaker && isPossible(since, 0)) return state;
  return {
    ...rest,
    notBefore: isReserved ? state.notBefore : now + burst * intervalMs,
    ...(isForShop && reservedForShopUntil > 0 && { reservedForShopUntil }),
    ...(breaker && {
      breaker: isBreaker ? breaker : { ...breaker, openUntil: now, openedAt: Math.min(openedAt, now) },
    }),
    ...(failures && { failures: since === 0 ? failures : { ...failures, since: Math.min(since, now) } }),
  };
}
