import type { SandboxCustomer } from './sandbox.ts';

/**
 * Fictitious customers for a first try, with fixed ids that documentation can name. They cover the difficult cases: a
 * `source_id` that looks like a Voucherify id, two customers with one email address, an address in mixed case, a customer
 * without a `source_id`, and one created after any request of today.
 */
export const seededCustomers: readonly SandboxCustomer[] = [
  {
    id: 'cust_AdaExample00000000000001',
    source_id: 'crm-10042',
    name: 'Ada Example',
    email: 'ada@example.com',
    phone: '+1 555 010 0042',
    metadata: { lang: 'en', tier: 'gold' },
    created_at: '2025-03-01T09:00:00.000Z',
    orders: 9,
    ...{ redemptions: 4, publications: 1, vouchers: 2, memberships: 1, activities: 12 },
    staying: ['vouchers'],
  },
  {
    id: 'cust_BenExample00000000000002',
    source_id: 'cust_LooksLikeAnId00000000002',
    name: 'Ben Example',
    email: 'ben@example.com',
    created_at: '2025-04-02T10:15:00.000Z',
    orders: 1,
  },
  {
    id: 'cust_CleoExample0000000000003',
    source_id: 'crm-10043',
    name: 'Cleo Example',
    email: 'family@example.com',
    created_at: '2025-05-03T11:30:00.000Z',
    orders: 2,
  },
  {
    id: 'cust_DaraExample0000000000004',
    name: 'Dara Example',
    email: 'family@example.com',
    metadata: { guest: true },
    created_at: '2025-06-04T12:45:00.000Z',
  },
  {
    id: 'cust_EmilExample0000000000005',
    source_id: 'crm-10044',
    name: 'Emil Example',
    email: 'Emil.Mixed@Example.com',
    phone: '+1 (555) 010-0044',
    created_at: '2025-07-05T14:00:00.000Z',
    orders: 3,
  },
  {
    id: 'cust_FayExample00000000000006',
    source_id: 'crm-10045',
    name: 'Fay Example',
    email: 'fay@example.com',
    created_at: '2099-01-01T00:00:00.000Z',
  },
];

/**
 * The customers of a local run: also six with one address. A request with it needs a review, because by default at most five
 * customers are deleted for one request.
 */
export const localCustomers: readonly SandboxCustomer[] = [
  ...seededCustomers,
  ...['Gus', 'Hal', 'Ida', 'Jan', 'Kim', 'Lea'].map((name, at) => ({
    id: `cust_${name}Example000000000000${10 + at}`,
    name: `${name} Example`,
    email: 'office@example.com',
    created_at: `2025-08-0${1 + at}T08:00:00.000Z`,
  })),
];
