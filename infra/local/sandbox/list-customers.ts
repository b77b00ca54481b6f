import { customerBody } from './customer-body.ts';
import { type ListRequest, listCustomers } from './find-customers.ts';
import { jsonAnswer, type SandboxAnswer } from './message.ts';
import { badRequest } from './refusals.ts';
import type { SandboxContext } from './world.ts';

/** Documented filters that the sandbox lacks; it refuses them, since to ignore one would answer people not asked for. */
const LACKING = ['city', 'name', 'segment_id', 'starting_after', 'created_at[', 'updated_at['];

/**
 * List Customers (Voucherify docs): `email` matches exactly and case-sensitively, and a blank one lists everybody;
 * `limit` 1 to 100, else 10; `page` 1 to 99; `order` only by `created_at`. 400 `invalid_query_params` otherwise.
 */
export function listAnswer(world: SandboxContext, project: string, query: URLSearchParams): SandboxAnswer {
  const wanted = pageOf(query);
  if (typeof wanted === 'string') {
    return badRequest('invalid_query_params', 'Invalid query params', wanted);
  }
  const { page, total } = listCustomers(world.sql, project, wanted);
  return jsonAnswer(200, {
    object: 'list',
    data_ref: 'customers',
    customers: page.map(customerBody),
    total,
    has_more: wanted.page * wanted.limit < total,
  });
}

function pageOf(query: URLSearchParams): ListRequest | string {
  const lacking = [...query.keys()].find(name => LACKING.some(start => name.startsWith(start)));
  if (lacking !== undefined) {
    return `the sandbox does not know the filter ${lacking}`;
  }
  const order = query.get('order') ?? '-created_at';
  const limit = wholeNumber(query.get('limit') ?? '10', 100);
  const page = wholeNumber(query.get('page') ?? '1', 99);
  if (limit === undefined || page === undefined) {
    return 'limit must be 1 to 100 and page 1 to 99';
  }
  if (order !== 'created_at' && order !== '-created_at') {
    return 'the sandbox orders by created_at or -created_at';
  }
  const email = query.get('email') ?? '';
  return { limit, page, oldestFirst: order === 'created_at', ...(email.trim() === '' ? {} : { email }) };
}

function wholeNumber(text: string, most: number): number | undefined {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= most ? value : undefined;
}
