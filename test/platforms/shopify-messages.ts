import { createHmac } from 'node:crypto';
import type { Wire } from '../support/event.ts';
import { createHarness, type Harness, type HarnessOptions } from '../support/harness.ts';

const clientSecret = 'shpss_client_secret_of_the_tests_1';
export const shop = 'acme.myshopify.com';
export const webhookId = 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043';

export const redaction = {
  shop_id: 954_889,
  shop_domain: shop,
  customer: { id: 191_167, email: 'ada@example.com', phone: '555-625-1199' },
  orders_to_redact: [299_938, 280_263],
};

type Options = Partial<Omit<HarnessOptions, 'platforms' | 'secrets'>> & { section?: object; secret?: object };

/** A harness that serves Shopify; `section` changes its settings and `secret` its secret. */
export function shopifyHarness({ section = {}, secret = {}, ...rest }: Options = {}): Harness {
  const text = JSON.stringify({ current: clientSecret, ...secret });
  return createHarness({
    platforms: { shopify: { shops: [shop], customerId: 'source_id', ...section } },
    secrets: { 'erasure/platform/shopify': text },
    ...rest,
  });
}

/** A message as Shopify signs it. */
export function shopifyWire(body: unknown = redaction, headers: Wire['headers'] = {}, secret = clientSecret): Wire {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    path: '/webhooks/shopify',
    headers: {
      'Content-Type': 'application/json',
      'X-Shopify-Topic': 'customers/redact',
      'X-Shopify-Hmac-SHA256': createHmac('sha256', secret).update(text).digest('base64'),
      'X-Shopify-Shop-Domain': shop,
      'X-Shopify-API-Version': '2026-01',
      'X-Shopify-Webhook-Id': webhookId,
      'X-Shopify-Triggered-At': '2026-01-15T11:59:58.123456789Z',
      ...headers,
    },
    body: text,
  };
}
