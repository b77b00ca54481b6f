/** What an answer says of the limit (Voucherify docs, Limits). Times are epoch milliseconds. */
export interface RateHeaders {
  /** Calls that the current period allows. */
  readonly limit: number | undefined;
  readonly remaining: number | undefined;
  /** When the next call is allowed, or the period begins anew. */
  readonly resetAt: number | undefined;
  /** The later of `Retry-After` and `X-Rate-Limit-Retry`, if it lies ahead. */
  readonly retryAt: number | undefined;
  /** The billing cycle is used up, and a person must act: said so, or a wait of more than an hour. */
  readonly exhausted: boolean;
  /** Whether the numbers are of the cycle and not of the minute or the hour. */
  readonly ofCycle: boolean;
}

const hour = 3_600_000;

/** Reads the headers of any answer; what is missing or not a whole number is left out. */
export function parseRateHeaders(headers: Readonly<Record<string, string | undefined>>, now: number): RateHeaders {
  const seconds = wholeNumber(headers['x-rate-limit-retry']);
  const after = wholeNumber(headers['retry-after']);
  const resetAt = seconds === undefined ? undefined : seconds * 1000;
  const retryAt = Math.max(resetAt ?? 0, after === undefined ? 0 : now + after * 1000);
  const ofCycle = headers['x-rate-limit-type'] === 'api_calls_cycle';
  return {
    limit: wholeNumber(headers['x-rate-limit-limit']),
    remaining: wholeNumber(headers['x-rate-limit-remaining']),
    resetAt,
    retryAt: retryAt > now ? retryAt : undefined,
    exhausted: ofCycle || retryAt - now > hour,
    ofCycle,
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
