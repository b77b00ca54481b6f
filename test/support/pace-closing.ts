import type { HttpResult } from '../../lambda/io/outbound.ts';
import { applyResponse, type ObservedResponse } from '../../lambda/voucherify/learn.ts';
import type { RateLimitState, ReservationRequest } from '../../lambda/voucherify/pace.ts';
import { heard, minute, unanswered } from './pace-heard.ts';

/** The half of a hundred calls a minute. */
export const quota = { share: 0.5, limit: 100, periodMs: minute };

/** The pace after one more answer. */
export function learn(pace: RateLimitState, result: HttpResult, more: Partial<ObservedResponse> = {}): RateLimitState {
  return applyResponse(pace, heard(result, more), quota);
}

/** A fresh request that needs two calls. */
export function wish(at: number, keyHash = 'key-1'): ReservationRequest {
  return { calls: 2, fresh: true, keyHash, now: at, latest: at + 7000 };
}

/** The pace after five failures in a row, over two receipts. */
export function failing(pace: RateLimitState, at: number): RateLimitState {
  let next = pace;
  for (const receipt of ['a', 'b', 'a', 'b', 'a']) next = learn(next, unanswered, { receipt, now: at });
  return next;
}
