import { createHmac } from 'node:crypto';
import { expect } from 'vitest';
import { describePlatform } from './contract.ts';
import { redaction, shop, shopifyWire } from './shopify-messages.ts';

const topic = (name: string) => shopifyWire({ shop_domain: shop }, { 'X-Shopify-Topic': name });

describePlatform('shopify', {
  section: { shops: [shop], customerId: 'source_id' },
  secretText: (current, previous) => JSON.stringify({ current, previous }),
  secrets: {
    current: 'shpss_current_client_secret_0001',
    previous: 'shpss_previous_client_secret_001',
    wrong: 'shpss_another_client_secret_001',
  },
  message: ({ id, sourceId, extra = {} }) =>
    shopifyWire(
      { ...redaction, customer: { id: sourceId }, orders_to_redact: [id], ...extra },
      { 'X-Shopify-Hmac-SHA256': [] },
    ),
  sign: (wire, secret) => {
    const signature = createHmac('sha256', secret).update(wire.body).digest('base64');
    return { ...wire, headers: { ...wire.headers, 'X-Shopify-Hmac-SHA256': signature } };
  },
  headers: ['X-Shopify-Hmac-SHA256'],
  coversBody: true,
  refusedWith: 401,
  anyContentType: true,
  idHoldsIdentities: true,
  expectRefusal: ({ json }) => expect(json).toMatchObject({ error: { code: expect.any(String) } }),
  others: [
    { what: 'a request for data', wire: topic('customers/data_request'), status: 200 },
    { what: 'an app that was uninstalled', wire: topic('shop/redact'), status: 200 },
  ],
});
