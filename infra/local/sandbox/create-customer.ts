import * as v from 'valibot';
import { upsertCustomer } from './change-customers.ts';
import { requestId, type SandboxContext } from './context.ts';
import { customerSchema, type StoredCustomer } from './customer.ts';
import { findById } from './find-customers.ts';
import { badRequest, customerNotFound, jsonAnswer, jsonObjectOf, type SandboxAnswer } from './responses.ts';

/**
 * Create Customer (Voucherify docs): an upsert by `source_id`; the clock, not the body, sets the times. An `id` refreshes
 * the person it belongs to, else 404; a body that is no customer object is a 400 `invalid_payload`.
 */
export function createAnswer(world: SandboxContext, project: string, body: string): SandboxAnswer {
  const given = v.safeParse(customerSchema, jsonObjectOf(body));
  if (!given.success) {
    return badRequest('invalid_payload', 'Invalid payload', 'the body is not a customer object');
  }
  const { created_at: _, ...customer } = given.output;
  if (customer.id !== undefined && !isLive(world, project, customer.id)) {
    return customerNotFound(customer.id, requestId(world));
  }
  return jsonAnswer(200, customerBody(upsertCustomer(world, project, customer)));
}

function isLive(world: SandboxContext, project: string, id: string): boolean {
  const found = findById(world.sql, id);
  return found?.project === project && found.deleted_at === null;
}

/**
 * The customer object as Get, List and Create Customer answer it (Voucherify docs): what was never set is absent,
 * `address` is null then, and `summary`, `loyalty` and `referrals` are always there.
 */
export function customerBody(customer: StoredCustomer): Record<string, unknown> {
  const { orders = 0, address = null, ...profile } = customer.profile;
  return {
    id: customer.id,
    ...present('source_id', customer.source_id),
    ...present('email', customer.email),
    ...profile,
    address,
    summary: summaryOf(orders),
    loyalty: { points: 0, referred_customers: 0, campaigns: {} },
    referrals: { total: 0, campaigns: [] },
    system_metadata: {},
    ...present('created_at', customer.created_at),
    ...present('updated_at', customer.updated_at),
    object: 'customer',
  };
}

const CENTS_AN_ORDER = 4_200;

function summaryOf(orders: number): Record<string, unknown> {
  const average = orders === 0 ? 0 : CENTS_AN_ORDER;
  return {
    redemptions: {
      total_redeemed: 0,
      total_failed: 0,
      total_succeeded: 0,
      total_rolled_back: 0,
      total_rollback_failed: 0,
      total_rollback_succeeded: 0,
      gift: { redeemed_amount: 0, amount_to_go: 0 },
      loyalty_card: { redeemed_points: 0, points_to_go: 0 },
    },
    orders: {
      total_amount: orders * CENTS_AN_ORDER,
      total_count: orders,
      average_amount: average,
      last_order_amount: average,
    },
  };
}

function present(name: string, value: string | null): Record<string, string> {
  return value === null ? {} : { [name]: value };
}
