import * as v from 'valibot';

const text = v.exactOptional(v.string());
const count = v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0)));

const profile = {
  name: text,
  description: text,
  phone: text,
  birthdate: text,
  address: v.exactOptional(v.nullable(v.record(v.string(), v.string()))),
  metadata: v.exactOptional(v.record(v.string(), v.unknown())),
  /** Number of simulated orders, for the summary and for the counts of a permanent deletion. */
  orders: count,
  /** Number of simulated records of each kind, which other endpoints list. */
  redemptions: count,
  publications: count,
  vouchers: count,
  memberships: count,
  activities: count,
  /** The kinds of which the records stay after a permanent deletion; none by default. */
  staying: v.exactOptional(v.array(v.picklist(['redemptions', 'publications', 'vouchers']))),
};

/** The fields of a customer to register, named as in Voucherify's customer object. */
export const customerSchema = v.object({
  id: text,
  source_id: text,
  email: text,
  /** ISO 8601; absent means now, null means that the customer object has no `created_at`. */
  created_at: v.exactOptional(v.nullable(v.string())),
  ...profile,
});

/** A customer to register; every field is optional, as in Voucherify. */
export type SandboxCustomer = Readonly<v.InferOutput<typeof customerSchema>>;

const profileSchema = v.object(profile);

/** The attributes that no look-up uses. */
type Profile = Readonly<v.InferOutput<typeof profileSchema>>;

const storedSchema = v.object({
  id: v.string(),
  project: v.string(),
  source_id: v.nullable(v.string()),
  email: v.nullable(v.string()),
  created_at: v.nullable(v.string()),
  updated_at: v.nullable(v.string()),
  deleted_at: v.nullable(v.string()),
  profile: v.pipe(v.string(), v.parseJson(), profileSchema),
});

/** A stored customer; `deleted_at` (ISO 8601) is set by a plain DELETE. */
export type StoredCustomer = Readonly<v.InferOutput<typeof storedSchema>>;

/** Parses a row of the customers table. */
export function parseStoredCustomer(row: unknown): StoredCustomer {
  return v.parse(storedSchema, row);
}

/** Returns the profile fields, without identifiers and times. */
export function profileOf(customer: SandboxCustomer): Profile {
  return v.parse(profileSchema, customer);
}

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
