import type { StoredCustomer } from './customer.ts';

/**
 * Returns the customer object in the responses of Get, List and Create Customer (Voucherify docs). Unset fields are
 * absent, except `address`, which is null; `summary`, `loyalty` and `referrals` are always present.
 */
export function customerBody(customer: StoredCustomer): Record<string, unknown> {
  const { orders = 0, address = null, redemptions: _, publications: __, ...rest } = customer.profile;
  const { vouchers: ___, memberships: ____, activities: _____, staying: ______, ...profile } = rest;
  return {
    id: customer.id,
    ...optionalField('source_id', customer.source_id),
    ...optionalField('email', customer.email),
    ...profile,
    address,
    summary: summaryOf(orders),
    loyalty: { points: 0, referred_customers: 0, campaigns: {} },
    referrals: { total: 0, campaigns: [] },
    system_metadata: {},
    ...optionalField('created_at', customer.created_at),
    ...optionalField('updated_at', customer.updated_at),
    object: 'customer',
  };
}

const CENTS_PER_ORDER = 4_200;

function summaryOf(orders: number): Record<string, unknown> {
  const average = orders === 0 ? 0 : CENTS_PER_ORDER;
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
      total_amount: orders * CENTS_PER_ORDER,
      total_count: orders,
      average_amount: average,
      last_order_amount: average,
    },
  };
}

function optionalField(name: string, value: string | null): Record<string, string> {
  return value === null ? {} : { [name]: value };
}
