/** Times in milliseconds. */
export interface CacheOptions {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Returns whether a failed fetch is an outage; then the cached secret is used. */
  readonly isOutage: (thrown: unknown) => boolean;
  /** Called after every failed fetch, with the age of the cached secret if it is used instead. */
  readonly failed: (name: string, thrown: unknown, staleMs: number | undefined) => void;
}

interface Cached {
  readonly text: string;
  readonly fetchedAt: number;
  readonly refreshAt: number;
}

const minuteMs = 60_000;
const freshForMs = 5 * minuteMs;
/** Spreads the refreshes of many function instances over time. */
const jitterMs = minuteMs;
/** Delay before the next fetch after an outage, so that not every request waits for a timeout. */
const outageRetryMs = minuteMs;
/** Minimum time between two fetches of one name because of `fresh`. */
const minRefetchMs = minuteMs;
const maxStaleMs = 24 * 60 * minuteMs;

/**
 * Returns a read-through cache with one fetch at a time per name. During an outage it returns the cached secret for up to
 * 24 hours. After any other failure it discards the secret at once, because it may be revoked. Failures are not cached.
 */
export function cachedSecrets(fetch: (name: string) => Promise<string>, options: CacheOptions): ReadSecret {
  const cache = new Map<string, Cached>();
  const fetches = new Map<string, Promise<string>>();
  const refetchedAt = new Map<string, number>();

  return async (name, { fresh = false } = {}) => {
    const now = options.now();
    const cached = cache.get(name);
    if (cached !== undefined && now < cached.refreshAt && !(fresh && mayRefetch(name, now))) return cached.text;
    return await sharedFetch(name);
  };

  /** Returns whether a `fresh` read may skip the cache: to join a running fetch, or if the last refetch is long enough ago. */
  function mayRefetch(name: string, now: number): boolean {
    if (fetches.has(name)) return true;
    const due = now - (refetchedAt.get(name) ?? Number.NEGATIVE_INFINITY) >= minRefetchMs;
    if (due) refetchedAt.set(name, now);
    return due;
  }

  /**
   * Joins a running fetch. If it ends in an outage, a caller that joined fetches once more: the fetch may have timed out
   * only because the instance was frozen.
   */
  async function sharedFetch(name: string): Promise<string> {
    const running = fetches.get(name);
    if (running === undefined) return startFetch(name);
    return running.catch(thrown => {
      if (!options.isOutage(thrown)) throw thrown;
      return fetches.get(name) ?? startFetch(name);
    });
  }

  function startFetch(name: string): Promise<string> {
    const started = refresh(name).finally(() => fetches.delete(name));
    fetches.set(name, started);
    return started;
  }

  async function refresh(name: string): Promise<string> {
    try {
      const text = await fetch(name);
      const fetchedAt = options.now();
      cache.set(name, { text, fetchedAt, refreshAt: fetchedAt + freshForMs + options.random() * jitterMs });
      return text;
    } catch (thrown) {
      return useStale(name, thrown);
    }
  }

  function useStale(name: string, thrown: unknown): string {
    const now = options.now();
    const cached = cache.get(name);
    const usable = cached !== undefined && options.isOutage(thrown) && now - cached.fetchedAt < maxStaleMs;
    options.failed(name, thrown, usable ? now - cached.fetchedAt : undefined);
    if (!usable) {
      cache.delete(name);
      throw thrown;
    }
    const refreshAt = Math.min(now + outageRetryMs, cached.fetchedAt + maxStaleMs);
    cache.set(name, { ...cached, refreshAt });
    return cached.text;
  }
}

/**
 * Reads a secret's text by its name (`erasure/pepper`, `erasure/platform/ketch`, `erasure/voucherify/main`). `fresh`
 * requests the newest version; an adapter fetches it at most once a minute per name. Throws `unavailable` with the alarm
 * `secret-unusable` if the secret is unavailable. The error names the secret and never contains its text.
 */
export type ReadSecret = (name: string, options?: { readonly fresh?: boolean }) => Promise<string>;

/** The text of a secret that the stack has just created. No secret may have this value. */
export const placeholder = 'REPLACE_ME';
