import * as v from 'valibot';
import { isoNow, requestId, type SandboxContext } from './context.ts';
import { customerBody, customerSchema, type StoredCustomer } from './customer.ts';
import {
  findById,
  findCustomer,
  findErasable,
  type ListRequest,
  listCustomers,
  logDeletion,
  removeCustomer,
  upsertCustomer,
} from './database.ts';
import { badRequest, customerNotFound, jsonObjectOf, jsonResponse, type SandboxResponse } from './responses.ts';

/**
 * Create Customer (Voucherify docs): an upsert by `source_id`. The clock sets the times, not the body. An `id` updates
 * that customer, or is a 404 if it is unknown. 400 `invalid_payload` if the body is not a customer object.
 */
export function respondToCreate(context: SandboxContext, project: string, body: string): SandboxResponse {
  const given = v.safeParse(customerSchema, jsonObjectOf(body));
  if (!given.success) {
    return badRequest('invalid_payload', 'Invalid payload', 'the body is not a customer object');
  }
  const { created_at: _, ...customer } = given.output;
  if (customer.id !== undefined && !isLive(context, project, customer.id)) {
    return customerNotFound(customer.id, requestId(context));
  }
  const stored = upsertCustomer(context, project, customer);
  context.changed(stored);
  return jsonResponse(200, customerBody(stored));
}

function isLive(context: SandboxContext, project: string, id: string): boolean {
  const found = findById(context.sql, id);
  return found?.project === project && found.deleted_at === null;
}

/** Documented filters that the sandbox does not support. Ignoring one would return customers that do not match. */
const UNSUPPORTED = ['city', 'name', 'segment_id', 'starting_after', 'created_at[', 'updated_at['];

/**
 * List Customers (Voucherify docs). `email` matches exactly and case-sensitively; a blank one lists all customers.
 * `limit` is 1 to 100, default 10; `page` is 1 to 99; `order` only by `created_at`. 400 `invalid_query_params` otherwise.
 */
export function respondToList(context: SandboxContext, project: string, query: URLSearchParams): SandboxResponse {
  const wanted = parseListQuery(query);
  if (typeof wanted === 'string') {
    return badRequest('invalid_query_params', 'Invalid query params', wanted);
  }
  const { page, total } = listCustomers(context.sql, project, wanted);
  return jsonResponse(200, {
    object: 'list',
    data_ref: 'customers',
    customers: page.map(customerBody),
    total,
    has_more: wanted.page * wanted.limit < total,
  });
}

function parseListQuery(query: URLSearchParams): ListRequest | string {
  const unsupported = [...query.keys()].find(name => UNSUPPORTED.some(start => name.startsWith(start)));
  if (unsupported !== undefined) {
    return `the sandbox does not support the filter ${unsupported}`;
  }
  const order = query.get('order') ?? '-created_at';
  const limit = parsePositiveInteger(query.get('limit') ?? '10', 100);
  const page = parsePositiveInteger(query.get('page') ?? '1', 99);
  if (limit === undefined || page === undefined) {
    return 'limit must be 1 to 100 and page 1 to 99';
  }
  if (order !== 'created_at' && order !== '-created_at') {
    return 'order must be created_at or -created_at';
  }
  const email = query.get('email') ?? '';
  return { limit, page, oldestFirst: order === 'created_at', ...(email.trim() === '' ? {} : { email }) };
}

function parsePositiveInteger(text: string, max: number): number | undefined {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= max ? value : undefined;
}

/**
 * Delete Customer Permanently (Voucherify docs), by `id` or `source_id`; a soft-deleted customer is found only by `id`.
 * 404 if no customer is found, so also for a second deletion.
 */
export function respondToPermanentDeletion(
  context: SandboxContext,
  project: string,
  idOrSourceId: string,
): SandboxResponse {
  const customer = findErasable(context.sql, project, idOrSourceId);
  if (customer === undefined) {
    return customerNotFound(idOrSourceId, requestId(context));
  }
  const deletionId = `del_${context.random()}`;
  keepStaying(context, customer);
  removeCustomer(context, customer.id);
  logDeletion(context.sql, {
    project,
    customerId: customer.id,
    sourceId: customer.source_id,
    deletionId,
    at: context.now(),
  });
  return jsonResponse(200, deletionBody(customer, deletionId, isoNow(context)));
}

/** `object` is misspelled as in the real API. */
function deletionBody(customer: StoredCustomer, id: string, at: string): Record<string, unknown> {
  const { orders = 0 } = customer.profile;
  return {
    id,
    created_at: at,
    related_object_id: customer.id,
    related_object: 'customer',
    status: 'DONE',
    data_json: {
      events: orders + 1,
      customer_events: orders * 2 + 1,
      daily_events: 0,
      segments: 0,
      orders,
      order_events: orders,
      customer: 1,
    },
    object: 'pernament_deletion',
  };
}

/** The kinds of records with a list that can be filtered by customer, and the field that names the customer in it. */
const owners = { redemptions: 'customer_id', publications: 'customer_id', vouchers: 'holder_id' } as const;

export type RecordKind = keyof typeof owners;

/**
 * List Redemptions, List Publications and List Vouchers (Voucherify docs), only with `customer`: an id or a `source_id`. For
 * an unknown customer, redemptions are an empty object, as its page says; for the other two no page says what happens,
 * and the list is empty here. Other filters are a 400.
 */
export function respondToRecords(
  context: SandboxContext,
  project: string,
  kind: RecordKind,
  query: URLSearchParams,
): SandboxResponse {
  const { customer: wanted = '', limit = '10', page = '1', ...others } = Object.fromEntries(query);
  if (wanted === '' || Object.keys(others).length > 0 || !/^[1-9]\d?$|^100$/.test(limit) || page !== '1') {
    return badRequest('invalid_query_params', 'Invalid query params', 'the sandbox lists page 1 of one customer only');
  }
  const total = countRecords(context, project, kind, wanted);
  if (total === undefined && kind === 'redemptions') return jsonResponse(200, {});
  const rows = Array.from({ length: Math.min(Number(limit), total ?? 0) }, (_, at) => ({
    id: `${kind.slice(0, 1)}_${at}`,
    [owners[kind]]: findCustomer(context.sql, project, wanted)?.id ?? wanted,
  }));
  return jsonResponse(200, { object: 'list', data_ref: kind, [kind]: rows, total: total ?? 0 });
}

const stayingSchema = v.object({ total: v.number() });

function countRecords({ sql }: SandboxContext, project: string, kind: RecordKind, wanted: string): number | undefined {
  const customer = findCustomer(sql, project, wanted);
  if (customer !== undefined) return customer.profile[kind] ?? 0;
  const row = sql.get`SELECT total FROM staying WHERE project = ${project} AND customer_id = ${wanted} AND kind = ${kind}`;
  return row === undefined ? undefined : v.parse(stayingSchema, row).total;
}

/** Keeps the records that stay after a permanent deletion. */
function keepStaying({ sql }: Pick<SandboxContext, 'sql'>, { id, project, profile }: StoredCustomer): void {
  for (const kind of profile.staying ?? []) {
    sql.run`INSERT OR REPLACE INTO staying (project, customer_id, kind, total)
      VALUES (${project}, ${id}, ${kind}, ${profile[kind] ?? 0})`;
  }
}

/**
 * Get Customer Memberships (Voucherify docs, Loyalty v2) by the customer's id. The lists of that API have a cursor and no
 * `total`. 404 for an unknown customer.
 */
export function respondToMemberships(
  context: SandboxContext,
  project: string,
  id: string,
  query: URLSearchParams,
): SandboxResponse {
  if (query.get('identification_type') !== 'customer_id') {
    return badRequest('invalid_query_params', 'Invalid query params', 'the sandbox knows customer_id only');
  }
  const customer = findCustomer(context.sql, project, id);
  if (customer === undefined) return customerNotFound(id, requestId(context));
  const data = Array.from({ length: customer.profile.memberships ?? 0 }, (_, at) => ({ id: `lmbr_${at}` }));
  return jsonResponse(200, { data, cursor: null, object: 'list' });
}

/**
 * List Customer Activity (Voucherify docs), only with `limit`: the first page. It has no total; `has_more` says whether
 * there are further pages.
 */
export function respondToActivity(customer: StoredCustomer, query: URLSearchParams): SandboxResponse {
  const { limit = '10', ...others } = Object.fromEntries(query);
  if (Object.keys(others).length > 0 || !/^[1-9]\d?$|^100$/.test(limit)) {
    return badRequest('invalid_query_params', 'Invalid query params', 'the sandbox lists the first page only');
  }
  const { activities = 0 } = customer.profile;
  const { created_at } = customer;
  const data = Array.from({ length: Math.min(activities, Number(limit)) }, (_, at) => ({
    ...{ id: `evcus_${at}`, type: 'customer.updated', data: {}, created_at, group_id: null },
  }));
  const has_more = activities > data.length;
  const more = has_more ? { more_starting_after: data.at(-1)?.id } : {};
  return jsonResponse(200, { object: 'list', data_ref: 'data', data, has_more, ...more });
}
