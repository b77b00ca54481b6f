import * as v from 'valibot';
import type { ResidueCounts } from '../receipts/row-schemas.ts';
import { type Counting, countListed, isForAll, isPassing, type Listed } from './counting.ts';

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
