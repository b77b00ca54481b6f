import type { HttpResult } from '../../lambda/io/http-client.ts';
import type { ObservedResponse } from '../../lambda/quota/rate-headers.ts';

export const now = Date.UTC(2026, 10, 24, 12);
export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;

type Headers = Readonly<Record<string, string>>;

export function answered(status: number, headers: Headers = {}): HttpResult {
  return { kind: 'answer', status, headers, body: '' };
}

export const unanswered: HttpResult = { kind: 'no-answer', code: 'timed-out', mayHaveExecuted: true };

/** An answer that came at once to a call of one receipt under one key, unless `more` says otherwise. */
export function heard(result: HttpResult, more: Partial<ObservedResponse> = {}): ObservedResponse {
  const at = more.now ?? now;
  return { result, receipt: 'receipt-1', keyHash: 'key-1', byToken: false, sentAt: at, now: at, ...more };
}

/** The rate headers of an answer; `resetMs` is from now on. */
export function rate(limit: number, remaining: number, resetMs: number, at: number = now): Headers {
  return {
    'x-rate-limit-limit': String(limit),
    'x-rate-limit-remaining': String(remaining),
    'x-rate-limit-retry': String((at + resetMs) / 1000),
  };
}
