import * as v from 'valibot';
import type { ResidueCounts } from '../receipts/row-schemas.ts';
import type { CallResult } from './classify.ts';

/**
 * Counts the records that Voucherify lists for a customer, which its deletion does not name (Voucherify docs, Delete
 * Customer Permanently). Nothing but the number is used of a list.
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
  redemptions: { ...listWith('redemptions'), owner: 'customer_id' },
  publications: { ...listWith('publications'), owner: 'customer_id' },
  vouchers: { ...listWith('vouchers'), owner: 'holder_id' },
  memberships: { path: membershipsPath, owner: 'customer_id' },
} as const;

type Kind = keyof typeof kinds;

const kindNames = Object.keys(kinds).filter((name): name is Kind => name in kinds);

function listWith(name: string) {
  return { path: (id: string) => `/v1/${name}?${new URLSearchParams({ customer: id, limit: '1', page: '1' })}` };
}

function membershipsPath(id: string): string {
  return `/v2/loyalties/memberships/${encodeURIComponent(id)}?identification_type=customer_id`;
}

/** The OAuth scopes that counting needs beyond those of an erasure (Voucherify OpenAPI, Generate OAuth 2.0 Token). */
export const residueScopes = 'redemptions publications vouchers loyalties';

/** The time of a count. */
export interface CountingClock {
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** When counting must end, in epoch milliseconds. */
  readonly until: number;
}

interface Counting extends CountingClock {
  readonly baseUrl: string;
  readonly ask: (url: URL) => Promise<CallResult['outcome']>;
}

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
    const count: number | string = stopped ?? (await countKind(kind, customerIds, counting));
    counts[kind] = count;
    if (typeof count === 'string' && (isPassing(count) || isForAll(count))) stopped = count;
  }
  return counts;
}

async function countKind(kind: Kind, customerIds: readonly string[], counting: Counting): Promise<number | string> {
  let sum = 0;
  for (const customerId of customerIds) {
    const count = await countOf(kind, customerId, counting);
    if (typeof count === 'string') return count;
    sum += count;
  }
  return sum;
}

/** How often one count waits for a spare call: others may take the one that it waited for. */
const mostWaits = 10;

/** Waits for a spare call as long as there is time. */
async function countOf(kind: Kind, customerId: string, counting: Counting): Promise<number | string> {
  const { baseUrl, ask, now, wait, until } = counting;
  for (let waits = 0; ; waits += 1) {
    const outcome = await ask(new URL(kinds[kind].path(customerId), baseUrl));
    if (outcome.kind === 'not-found') return 'voucherify-404';
    if (outcome.kind === 'ok') return totalOf(kind, customerId, outcome.json);
    const spareAt = outcome.kind === 'retry' && outcome.code === 'rate-limited' ? outcome.notBefore : undefined;
    if (spareAt === undefined || spareAt > until || waits === mostWaits) return outcome.code;
    await wait(Math.max(1, Math.ceil(spareAt - now())));
  }
}

const list = v.looseObject({ total: v.pipe(v.number(), v.integer(), v.minValue(0)) });

/** A list of another customer's records was not filtered by this one. */
function totalOf(kind: Kind, customerId: string, json: unknown): number | string {
  const parsed = v.safeParse(list, json);
  if (!parsed.success) return 'no-total';
  const rows = v.safeParse(v.array(v.looseObject({})), parsed.output[kind]);
  const owners = rows.success ? rows.output.map(row => row[kinds[kind].owner]) : [];
  const isOther = owners.some(owner => typeof owner === 'string' && owner !== customerId);
  return isOther ? 'another-customer' : parsed.output.total;
}

/** What may be different later: no response, no quota, an open breaker. */
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
