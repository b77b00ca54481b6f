import { createHmac } from 'node:crypto';
import { isoNow, requestId, type SandboxContext } from './context.ts';
import type { StoredCustomer } from './customer.ts';
import { customerBody } from './customer-body.ts';

/** A message that a project webhook sends. */
export interface WebhookMessage {
  readonly project: string;
  readonly customerId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Returns the message about a created or updated customer: project webhook of version 2024-01-01, signed with the hex
 * HMAC-SHA256 of the body (Voucherify docs, Introduction to webhooks).
 */
export function customerMessage(context: SandboxContext, customer: StoredCustomer, secret: string): WebhookMessage {
  const at = isoNow(context);
  const type = customer.updated_at === null ? 'customer.created' : 'customer.updated';
  const ids = { entity_id: customer.id, group_id: requestId(context) };
  const body = JSON.stringify({
    id: `whs_${context.random()}`,
    project_id: `proj_${customer.project}`,
    created_at: at,
    type,
    data: { customer: customerBody(customer) },
    source: { id: 'wh_sandbox', object: 'webhook', target_url: '' },
    event: { id: `evcus_${context.random()}`, type, created_at: at, ...ids, event_source: { channel: 'API' } },
  });
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const headers = { 'Content-Type': 'application/json', 'x-voucherify-signature': signature };
  return { project: customer.project, customerId: customer.id, headers, body };
}
