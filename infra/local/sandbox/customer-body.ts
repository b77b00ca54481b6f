import type { StoredCustomer } from './customer.ts';

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
