import { bodySignature } from '../../../lambda/authentication/signed-body.ts';
import type { GatewayEvent } from '../../../lambda/aws/api-gateway.ts';
import { shopifySignature } from '../../../lambda/platforms/shopify.ts';
import { eventOf } from '../../support/event.ts';

const secret = 'shpss_client_secret_of_the_chaos_1';
const shop = 'acme.myshopify.com';

/** The secret's text and the section of the settings that serve these requests. */
export const shopifySecret = JSON.stringify({ current: secret });
export const shopifySection = { shops: [shop], customerId: 'source_id' };

/** The unsigned headers of a delivery. */
export interface Unsigned {
  readonly webhookId?: string;
  readonly triggeredAt?: string;
}

/** The signed redaction of one customer, as API Gateway hands it over: the same bytes for every delivery. */
export function redactionOf(customerId: number, { webhookId, triggeredAt }: Unsigned): GatewayEvent {
  const body = JSON.stringify({ shop_domain: shop, customer: { id: customerId }, orders_to_redact: [customerId] });
  const headers = {
    'Content-Type': 'application/json',
    'X-Shopify-Topic': 'customers/redact',
    'X-Shopify-Hmac-SHA256': bodySignature(secret, body, shopifySignature),
    ...(webhookId === undefined ? {} : { 'X-Shopify-Webhook-Id': webhookId }),
    ...(triggeredAt === undefined ? {} : { 'X-Shopify-Triggered-At': triggeredAt }),
  };
  return eventOf({ path: '/webhooks/shopify', headers, body });
}
