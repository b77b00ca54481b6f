import * as v from 'valibot';
import { type Counting, countListed, type Listed } from './counting.ts';

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
