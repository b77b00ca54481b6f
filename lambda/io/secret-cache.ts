/** Times in milliseconds. */
export interface CacheOptions {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Whether a failed fetch only means that nobody could be asked; then what is there is served. */
  readonly isOutage: (thrown: unknown) => boolean;
  /** Told of every failed fetch, and of the age of what is served instead, if anything is. */
  readonly failed: (name: string, thrown: unknown, staleMs: number | undefined) => void;
}

interface Cached {
  readonly text: string;
  readonly fetchedAt: number;
  readonly refreshAt: number;
}

const minuteMs = 60_000;
const freshForMs = 5 * minuteMs;
/** Spreads the refreshes of many function instances. */
const jitterMs = minuteMs;
/** How long nobody is asked again after an outage, so that not every request waits for it. */
const coolDownMs = minuteMs;
/** Least time between two refetches of one name that callers asked for with `fresh`. */
const refetchEveryMs = minuteMs;
const mostStaleMs = 24 * 60 * minuteMs;

/**
 * A read-through cache with one fetch at a time per name. During an outage what was read before is served for up to 24
 * hours; on any other failure it is forgotten at once, since serving it would keep a revoked secret alive. A failure is
 * never kept: the next read asks again.
 */
export function cachedSecrets(fetch: (name: string) => Promise<string>, options: CacheOptions): ReadSecret {
  const cache = new Map<string, Cached>();
  const flights = new Map<string, Promise<string>>();
  const refetchedAt = new Map<string, number>();

  return async (name, { fresh = false } = {}) => {
    const now = options.now();
    const cached = cache.get(name);
    if (cached !== undefined && now < cached.refreshAt && !(fresh && maySee(name, now))) return cached.text;
    return await sharedFlight(name);
  };

  /** Whether a caller who asks for the newest may have more than the cache: a fetch under way, or one of its own. */
  function maySee(name: string, now: number): boolean {
    if (flights.has(name)) return true;
    const due = now - (refetchedAt.get(name) ?? Number.NEGATIVE_INFINITY) >= refetchEveryMs;
    if (due) refetchedAt.set(name, now);
    return due;
  }

  /**
   * Joins a fetch under way. One that began before may have timed out only because the instance was frozen meanwhile, so
   * whoever joined it asks once more when it ends in an outage.
   */
  async function sharedFlight(name: string): Promise<string> {
    const underWay = flights.get(name);
    if (underWay === undefined) return flight(name);
    return underWay.catch(thrown => {
      if (!options.isOutage(thrown)) throw thrown;
      return flights.get(name) ?? flight(name);
    });
  }

  function flight(name: string): Promise<string> {
    const begun = refreshed(name).finally(() => flights.delete(name));
    flights.set(name, begun);
    return begun;
  }

  async function refreshed(name: string): Promise<string> {
    try {
      const text = await fetch(name);
      const fetchedAt = options.now();
      cache.set(name, { text, fetchedAt, refreshAt: fetchedAt + freshForMs + options.random() * jitterMs });
      return text;
    } catch (thrown) {
      return stale(name, thrown);
    }
  }

  function stale(name: string, thrown: unknown): string {
    const now = options.now();
    const cached = cache.get(name);
    const servable = cached !== undefined && options.isOutage(thrown) && now - cached.fetchedAt < mostStaleMs;
    options.failed(name, thrown, servable ? now - cached.fetchedAt : undefined);
    if (!servable) {
      cache.delete(name);
      throw thrown;
    }
    const refreshAt = Math.min(now + coolDownMs, cached.fetchedAt + mostStaleMs);
    cache.set(name, { ...cached, refreshAt });
    return cached.text;
  }
}

/**
 * Loads a secret's text by its design name (`erasure/pepper`, `erasure/platform/ketch`, `erasure/voucherify/main`).
 * `fresh` asks for the newest version where the cache may be stale; an adapter grants it at most once a minute a name.
 * Throws `unavailable` with the alarm `secret-unusable` when it cannot be had; the error names the secret and never its
 * text.
 */
export type ReadSecret = (name: string, options?: { readonly fresh?: boolean }) => Promise<string>;

/** The text that a stack puts into a secret it creates; nothing accepts it. */
export const placeholder = 'REPLACE_ME';
