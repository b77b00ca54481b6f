import * as v from 'valibot';
import type { ResidueCounts } from '../receipts/row-schemas.ts';
import type { CallResult } from './responses.ts';

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
interface Listed {
  /** Path and query of the list. */
  readonly path: (customerId: string) => string;
  /** Returns how many records a response says there are, or the code of why it does not say so. */
  readonly count: (json: unknown, customerId: string) => number | string;
}

/**
 * Counts the records of a list, in sum over the customers. Returns the code of the reason if they cannot be counted for one of
 * them, never 0. Never throws.
 */
async function countListed(
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
function isForAll(code: string): boolean {
  return /^token-|^voucherify-401$|^no-credentials$|^no-spare-calls$/.test(code);
}

/** Records on one page: the maximum (Voucherify docs, List Customer Activity). */
const pageSize = 100;

const page = v.looseObject({ data: v.array(v.unknown()) });

/**
 * The first page of `GET /v1/customers/{id}/activity` (Voucherify docs, List Customer Activity). It has `data` and
 * `has_more`, and no total. Its scope is `customers`, as of all paths below `/v1/customers`. What is in a record is not
 * read.
 */
const firstPage: Listed = {
  path: id => `/v1/customers/${encodeURIComponent(id)}/activity?limit=${pageSize}`,
  count: json => {
    const parsed = v.safeParse(page, json);
    return parsed.success ? parsed.output.data.length : 'no-list';
  },
};

/**
 * Counts the activities on the first page of each customer: there are at least so many. Returns the code of the reason
 * if they cannot be counted, never 0. Never throws.
 */
export function countActivities(customerIds: readonly string[], counting: Counting): Promise<number | string> {
  return countListed(firstPage, customerIds, counting);
}

const list = v.looseObject({ total: v.pipe(v.number(), v.integer(), v.minValue(0)) });

/**
 * Counts the records that Voucherify lists for a customer, which its deletion does not name (Voucherify docs, Delete
 * Customer Permanently). Only the number of a list is used.
 *
 * - redemptions: `GET /v1/redemptions?customer=`, scope `redemptions`. The page says that an unknown customer gets an
 *   empty object, so after a deletion they may not be countable. (Voucherify OpenAPI, List Redemptions: documented.)
 * - publications: `GET /v1/publications?customer=`, scope `publications`. (List Publications: documented.)
 * - vouchers: `GET /v1/vouchers?customer=`, the holder; gift and loyalty cards are vouchers; scope `vouchers`. (List
 *   Vouchers: documented.)
 * - memberships: `GET /v2/loyalties/memberships/{id}`. The lists of this API are documented with a cursor and without a
 *   total, and no scope is documented, so `loyalties` is a guess. (Loyalty v2: little is certain.)
 */
const kinds = {
  redemptions: listWith('redemptions', 'customer_id'),
  publications: listWith('publications', 'customer_id'),
  vouchers: listWith('vouchers', 'holder_id'),
  memberships: { path: membershipsPath, count: totalIn('memberships', 'customer_id') },
} as const satisfies Record<string, Listed>;

type Kind = keyof typeof kinds;

const kindNames = Object.keys(kinds).filter((name): name is Kind => name in kinds);

function listWith(name: string, owner: string): Listed {
  const path = (id: string) => `/v1/${name}?${new URLSearchParams({ customer: id, limit: '1', page: '1' })}`;
  return { path, count: totalIn(name, owner) };
}

function membershipsPath(id: string): string {
  return `/v2/loyalties/memberships/${encodeURIComponent(id)}?identification_type=customer_id`;
}

/** The OAuth scopes that counting needs beyond those of an erasure (Voucherify OpenAPI, Generate OAuth 2.0 Token). */
export const residueScopes = 'redemptions publications vouchers loyalties';

/** Returns that nothing can be counted, for one reason. */
export function notCounted(code: string): ResidueCounts {
  return Object.fromEntries(kindNames.map(kind => [kind, code]));
}

/** Adds the counts of two sets of customers. A kind that cannot be counted in one of them cannot be counted in both. */
export function addCounts(one: ResidueCounts, other: ResidueCounts): ResidueCounts {
  const sums = kindNames.map(kind => {
    const [a = 'no-total', b = 'no-total'] = [one[kind], other[kind]];
    return [kind, typeof a === 'string' ? a : typeof b === 'string' ? b : a + b];
  });
  return Object.fromEntries(sums);
}

/**
 * Counts each kind of records, in sum over the customers. A kind that cannot be counted for one of them has the code of the
 * reason instead, never 0. Never throws.
 */
export async function countResidue(customerIds: readonly string[], counting: Counting): Promise<ResidueCounts> {
  const counts: Record<string, number | string> = {};
  let stopped: string | undefined;
  for (const kind of kindNames) {
    const count: number | string = stopped ?? (await countListed(kinds[kind], customerIds, counting));
    counts[kind] = count;
    if (typeof count === 'string' && (isPassing(count) || isForAll(count))) stopped = count;
  }
  return counts;
}

/** A list that contains another customer's records was not filtered by this customer. */
function totalIn(name: string, owner: string): Listed['count'] {
  return (json, customerId) => {
    const parsed = v.safeParse(list, json);
    if (!parsed.success) return 'no-total';
    const rows = v.safeParse(v.array(v.looseObject({})), parsed.output[name]);
    const owners = rows.success ? rows.output.map(row => row[owner]) : [];
    const isOther = owners.some(one => typeof one === 'string' && one !== customerId);
    return isOther ? 'another-customer' : parsed.output.total;
  };
}
