import * as v from 'valibot';
import { requestId, type SandboxContext } from './context.ts';
import type { StoredCustomer } from './customer.ts';
import { findCustomer } from './customers-table.ts';
import { badRequest, customerNotFound, jsonAnswer, type SandboxAnswer } from './responses.ts';

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
): SandboxAnswer {
  const { customer: wanted = '', limit = '10', page = '1', ...others } = Object.fromEntries(query);
  if (wanted === '' || Object.keys(others).length > 0 || !/^[1-9]\d?$|^100$/.test(limit) || page !== '1') {
    return badRequest('invalid_query_params', 'Invalid query params', 'the sandbox lists page 1 of one customer only');
  }
  const total = countRecords(context, project, kind, wanted);
  if (total === undefined && kind === 'redemptions') return jsonAnswer(200, {});
  const rows = Array.from({ length: Math.min(Number(limit), total ?? 0) }, (_, at) => ({
    id: `${kind.slice(0, 1)}_${at}`,
    [owners[kind]]: findCustomer(context.sql, project, wanted)?.id ?? wanted,
  }));
  return jsonAnswer(200, { object: 'list', data_ref: kind, [kind]: rows, total: total ?? 0 });
}

const stayingSchema = v.object({ total: v.number() });

function countRecords({ sql }: SandboxContext, project: string, kind: RecordKind, wanted: string): number | undefined {
  const customer = findCustomer(sql, project, wanted);
  if (customer !== undefined) return customer.profile[kind] ?? 0;
  const row = sql.get`SELECT total FROM staying WHERE project = ${project} AND customer_id = ${wanted} AND kind = ${kind}`;
  return row === undefined ? undefined : v.parse(stayingSchema, row).total;
}

/** Keeps the records that stay after a permanent deletion. */
export function keepStaying({ sql }: Pick<SandboxContext, 'sql'>, { id, project, profile }: StoredCustomer): void {
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
): SandboxAnswer {
  if (query.get('identification_type') !== 'customer_id') {
    return badRequest('invalid_query_params', 'Invalid query params', 'the sandbox knows customer_id only');
  }
  const customer = findCustomer(context.sql, project, id);
  if (customer === undefined) return customerNotFound(id, requestId(context));
  const data = Array.from({ length: customer.profile.memberships ?? 0 }, (_, at) => ({ id: `lmbr_${at}` }));
  return jsonAnswer(200, { data, cursor: null, object: 'list' });
}

/**
 * List Customer Activity (Voucherify docs), only with `limit`: the first page. It has no total; `has_more` says whether
 * there are further pages.
 */
export function respondToActivity(customer: StoredCustomer, query: URLSearchParams): SandboxAnswer {
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
  return jsonAnswer(200, { object: 'list', data_ref: 'data', data, has_more, ...more });
}
