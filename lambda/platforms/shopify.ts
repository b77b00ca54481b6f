import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { parseSharedSecret } from '../authentication/shared-secret.ts';
import { matchSignature } from '../authentication/signed-body.ts';
import type { ErasureRequest, IdentifierKind } from '../domain/erasure.ts';
import { Failure } from '../domain/failure.ts';
import { emptyReply, type HttpRequest, singleHeader } from '../domain/http.ts';
import { parseStrictJson } from '../io/json.ts';
import { commonSettings } from './common-settings.ts';
import {
  type Authentication,
  type ParsedRequest,
  type Platform,
  parseBody,
  plainErrorReply,
  type VerifyContext,
} from './platform.ts';

const shopDomain = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9-]*\.myshopify\.com$/, 'must be a domain such as acme.myshopify.com'),
);

/** What settings say of Shopify. */
export const shopifySettings = v.strictObject({
  projects: commonSettings.projects,
  /** The shops whose requests are served, by the domain that Shopify gave them. */
  shops: v.pipe(v.array(shopDomain), v.nonEmpty('must hold at least one entry')),
  /** What Shopify's customer id is in Voucherify; not looked up when absent. */
  customerId: v.exactOptional(v.literal('source_id', 'must be source_id')),
});
type ShopifySettings = v.InferOutput<typeof shopifySettings>;

/**
 * Shopify's compliance webhooks: `customers/redact` erases, every other topic is acknowledged. Source: shopify.dev,
 * "Privacy law compliance" and "Verify webhook deliveries".
 */
export function shopify(settings: ShopifySettings): Platform {
  return {
    responseMode: 'acknowledgement',
    callbackOrigins: [],
    projects: settings.projects,
    referenceIsDigest: true,
    checkSecret: parseSharedSecret,
    verify,
    parse: request => read(request, settings),
    reply: () => emptyReply(200),
    errorReply: (_, failure) => plainErrorReply(failure),
    buildCallbacks: async () => [],
  };
}

export const shopifySignature = { hash: 'sha256', encoding: 'base64' } as const;

/** "Verify webhook deliveries": the app's client secret signs the raw body; a review of the app expects 401. */
async function verify(request: HttpRequest, { secret }: VerifyContext): Promise<Authentication> {
  const secrets = parseSharedSecret(await secret());
  const given = singleHeader(request, 'X-Shopify-Hmac-SHA256') ?? '';
  const matched = matchSignature(given, request.rawBody, secrets, shopifySignature);
  if (matched === undefined) throw new Failure('unauthorized', 'X-Shopify-Hmac-SHA256: does not match');
  return { scheme: 'hmac-sha256', secret: matched };
}

const customer = v.object({
  // A larger number was rounded when it was parsed, and may be somebody else's by now.
  id: v.nullish(v.union([v.string(), v.pipe(v.number(), v.safeInteger())])),
  email: v.nullish(v.string()),
  phone: v.nullish(v.string()),
});
const redaction = v.object({ shop_domain: v.string(), customer, orders_to_redact: v.array(v.unknown()) });

/** The topic is not signed: that the signed body is a redaction is seen by a field that no other topic has. */
function read(request: HttpRequest, settings: ShopifySettings): ParsedRequest {
  const topic = singleHeader(request, 'X-Shopify-Topic');
  if (topic === undefined) throw new Failure('invalid', 'X-Shopify-Topic: is missing');
  if (topic !== 'customers/redact') return { ignore: 'other-topic' };
  const body = parseBody(redaction, parseStrictJson(request.rawBody), 'customers/redact');
  const shop = body.shop_domain.toLowerCase();
  if (!settings.shops.includes(shop)) throw new Failure('forbidden', 'shop_domain: is not configured');
  return { erase: [erasure(request, shop, body.customer, settings)] };
}

/**
 * The signature covers the body alone, so the reference is the hex SHA-256 digest of the body, and the webhook's id and
 * time in the headers decide nothing: without `submittedAt` the first delivery is the time of the request.
 */
function erasure(
  request: HttpRequest,
  shop: string,
  { id, email, phone }: v.InferOutput<typeof customer>,
  settings: ShopifySettings,
): ErasureRequest {
  const deliveryId = singleHeader(request, 'X-Shopify-Webhook-Id');
  const known = [
    ...identity('customer.id', settings.customerId, id),
    ...identity('customer.email', 'email', email),
    ...identity('customer.phone', 'phone', phone),
  ];
  return {
    reference: createHash('sha256').update(request.rawBody).digest('hex'),
    scope: shop,
    ...(deliveryId === undefined ? {} : { deliveryId }),
    identities: known.map(({ space, value }) => ({ space, format: 'raw', value })),
    identifiers: known.flatMap(({ kind, value }) => (kind === undefined ? [] : [{ kind, value }])),
    callbacks: [],
  };
}

function identity(space: string, kind: IdentifierKind | undefined, value: string | number | null | undefined) {
  return value === null || value === undefined ? [] : [{ space, kind, value: String(value) }];
}
