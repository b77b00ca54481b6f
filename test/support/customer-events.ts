import { createHarness, fixtureTime, iso } from './harness.ts';
import { account, deleteRequest, ketchSecret, ketchSection, ketchWire } from './ketch.ts';

/** An event as Voucherify's project webhook sends it, version 2024-01-01, with invented values. */
export function customerEvent(change: {
  readonly type?: string;
  readonly id?: string;
  readonly at: number;
  readonly customer?: Readonly<Record<string, unknown>>;
  readonly channel?: unknown;
}): string {
  const { type = 'customer.created', id = 'evcus_1', at, customer = {}, channel = 'API' } = change;
  const whole = { id: 'cust_ReturnedExample000000001', object: 'customer', name: 'Ada Example', created_at: iso(at) };
  return JSON.stringify({
    id: 'whs_1',
    project_id: 'proj_1',
    created_at: iso(at + 500),
    type,
    data: { customer: { ...whole, source_id: null, email: null, ...customer } },
    source: { id: 'wh_1', object: 'webhook', target_url: 'https://erasure.example.com/v1/events/main' },
    event: {
      id,
      type,
      created_at: iso(at),
      entity_id: 'cust_ReturnedExample000000001',
      group_id: 'v-1',
      event_source: { channel, user: { id: 'user_1', name: 'Marketing Person', type: 'USER' } },
    },
  });
}

/** A harness that receives events, in which a request by `source_id` and e-mail address has erased one customer. */
export async function erasedPerson(options: Parameters<typeof createHarness>[0] = {}) {
  const harness = createHarness({
    platforms: { ketch: ketchSection },
    reappearance: {},
    secrets: { 'erasure/platform/ketch': JSON.stringify({ current: ketchSecret }) },
    ...options,
  });
  const { status } = await harness.send(ketchWire(deleteRequest({ identities: [account('crm-10042'), adasMail] })));
  if (status !== 200) throw new Error(`the request was answered with ${status}`);
  const [receipt] = await harness.receipts();
  if (receipt?.state !== 'erased') throw new Error('the customer is not erased');
  return { harness, receipt, later: fixtureTime + 3_600_000 };
}

const adasMail = { identitySpace: 'email', identityFormat: 'raw', identityValue: 'ada@example.com' };
