import { bodySignature } from '../../../lambda/authentication/signed-body.ts';
import type { GatewayEvent } from '../../../lambda/aws/api-gateway.ts';
import { shopifySignature } from '../../../lambda/platforms/shopify.ts';
import { eventOf } from '../../support/event.ts';
import type { TestRequest } from './requests.ts';

const callbackOrigin = 'https://dsr.ketch.com';

function callbackTo(origin: string, index: number) {
  return { url: `${origin}/callbacks/${index}`, headers: { Authorization: `Bearer callback-${index}` } };
}

const secret = 'Bearer ketch-secret-of-the-simulation';
const tenant = 'axonic';

/** The secret and the settings section for these requests. */
export const ketchSecret = JSON.stringify({ current: secret });
export const ketchSection = {
  tenants: [tenant],
  environments: ['production'],
  identities: { account_id: 'source_id', customer: 'customer_id', email: 'email', phone: 'phone' },
  callbackOrigins: [callbackOrigin],
};

/** Returns the API Gateway event of a DeleteRequest. */
export function deliveryOf(request: TestRequest): GatewayEvent {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: secret };
  return eventOf({ path: '/webhooks/ketch', headers, body: JSON.stringify(bodyOf(request, callbackOrigin)) });
}

/** Returns the request body, with callbacks to this origin. */
export function bodyOf({ uid, identities, submittedAt, callbacks }: TestRequest, origin: string) {
  return {
    apiVersion: 'dsr/v1',
    kind: 'DeleteRequest',
    metadata: { uid, tenant },
    request: {
      environment: 'production',
      identities,
      callbacks: Array.from({ length: callbacks }, (_, index) => callbackTo(origin, index)),
      submittedTimestamp: submittedAt,
      dueTimestamp: submittedAt + 30 * 86_400,
    },
  };
}

const shopifyKey = 'shpss_client_secret_of_the_simulation';
const shop = 'acme.myshopify.com';

/** The secret and the settings section for these requests. */
export const shopifySecret = JSON.stringify({ current: shopifyKey });
export const shopifySection = { shops: [shop], customerId: 'source_id' };

/** The unsigned headers of a delivery. */
export interface Unsigned {
  readonly webhookId?: string;
  readonly triggeredAt?: string;
}

/** Returns the API Gateway event of a customer's signed redaction: the same bytes for every delivery. */
export function redactionOf(customerId: number, { webhookId, triggeredAt }: Unsigned): GatewayEvent {
  const body = JSON.stringify({ shop_domain: shop, customer: { id: customerId }, orders_to_redact: [customerId] });
  const headers = {
    'Content-Type': 'application/json',
    'X-Shopify-Topic': 'customers/redact',
    'X-Shopify-Hmac-SHA256': bodySignature(shopifyKey, body, shopifySignature),
    ...(webhookId === undefined ? {} : { 'X-Shopify-Webhook-Id': webhookId }),
    ...(triggeredAt === undefined ? {} : { 'X-Shopify-Triggered-At': triggeredAt }),
  };
  return eventOf({ path: '/webhooks/shopify', headers, body });
}

const withdrawableKey = 'key-of-the-platform-that-withdraws';

/** The secret, and the settings section of a platform that may withdraw its requests. */
export const withdrawableSecret = JSON.stringify({ current: withdrawableKey });
export const withdrawableSection = {
  type: 'generic',
  authentication: { kind: 'header', header: 'X-Key' },
  rules: [{ when: { '/type': 'erasure' }, do: 'erase' }],
  reference: '/id',
  identifiers: {
    list: '/identities',
    type: '/identitySpace',
    value: '/identityValue',
    kinds: { account_id: 'source_id', email: 'email' },
  },
  withdrawAnswers: { refused: { status: 202, body: { state: 'withdrawn' } } },
};

/** Returns the API Gateway events of a request to such a platform, and of its withdrawal. */
export function withdrawableEvents(platform: string, { uid, identities }: TestRequest) {
  const headers = { 'Content-Type': 'application/json', 'X-Key': withdrawableKey };
  const body = JSON.stringify({ type: 'erasure', id: uid, identities });
  return {
    request: eventOf({ path: `/webhooks/${platform}`, headers, body }),
    withdrawal: eventOf({ method: 'DELETE', path: `/webhooks/${platform}/${uid}`, headers, body: '' }),
  };
}
