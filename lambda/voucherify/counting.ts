import type { CallResult } from './classify.ts';

/** The time of a count. */
export interface CountingClock {
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** When counting must end, in epoch milliseconds. */
  readonly until: number;
}

export interface Counting extends CountingClock {
  readonly baseUrl: string;
  readonly ask: (url: URL) => Promise<CallResult['outcome']>;
}

/** A list of Voucherify's records of one customer. */
export interface Listed {
  /** Path and query of the list. */
  readonly path: (customerId: string) => string;
  /** Returns how many records a response says there are, or the code of why it does not say so. */
  readonly count: (json: unknown, customerId: string) => number | string;
}

/**
 * Counts the records of a list, in sum over the customers. Returns the code of the reason if they cannot be counted for one of
 * them, never 0. Never throws.
 */
export async function countListed(
  listed: Listed,
  customerIds: readonly string[],
  counting: Counting,
): Promise<number | string> {
  let sum = 0;
  for (const customerId of customerIds) {
    const count = await countOf(listed, customerId, counting);
    if (typeof count === 'string') return count;
    sum += count;
  }
  return sum;
}

/** How often one count waits for a spare call: others may take the one that it waited for. */
const mostWaits = 10;

/** Waits for a spare call as long as there is time. */
async function countOf(listed: Listed, customerId: string, counting: Counting): Promise<number | string> {
  const { baseUrl, ask, now, wait, until } = counting;
  for (let waits = 0; ; waits += 1) {
    const outcome = await ask(new URL(listed.path(customerId), baseUrl));
    if (outcome.kind === 'not-found') return 'voucherify-404';
    if (outcome.kind === 'ok') return listed.count(outcome.json, customerId);
    const spareAt = outcome.kind === 'retry' && outcome.code === 'rate-limited' ? outcome.notBefore : undefined;
    if (spareAt === undefined || spareAt > until || waits === mostWaits) return outcome.code;
    await wait(Math.max(1, Math.ceil(spareAt - now())));
  }
}

/** Reasons that may be different later: no response, no quota, an open breaker. */
const passingCodes: readonly string[] = [
  ...['not-connected', 'name-not-resolved', 'tls-failed', 'timed-out', 'connection-lost'],
  ...['rate-limited', 'rate-limit-unavailable', 'out-of-time', 'quota-exhausted', 'key-refused', 'failures'],
];

/** Returns whether a reason may pass, so that the same count can succeed later. */
export function isPassing(code: string): boolean {
  const cause = code.replace(/^token-/, '');
  return passingCodes.includes(cause) || /^(voucherify-)?(402|408|425|429|5\d\d)$/.test(cause);
}

/** Returns whether a reason holds for every kind: the key or the scopes. */
export function isForAll(code: string): boolean {
  return /^token-|^voucherify-401$|^no-credentials$|^no-spare-calls$/.test(code);
}
