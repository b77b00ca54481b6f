import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { parseSharedSecret } from '../authentication/shared-secret.ts';
import { matchSignature } from '../authentication/signed-body.ts';
import { Failure } from '../domain/failure.ts';
import { type HttpRequest, singleHeader } from '../domain/http.ts';
import { parseJson, parseStrictJson } from '../io/json.ts';
import {
  type Authentication,
  acknowledgingPlatform,
  commonSettings,
  mapIdentities,
  type Platform,
  parseBody,
  textOrInteger,
  type VerifyContext,
} from './platform.ts';

const shopDomain = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9-]*\.myshopify\.com$/, 'must be a domain such as acme.myshopify.com'),
);

/** Settings of Shopify. */
export const shopifySettings = v.strictObject({
  projects: commonSettings.projects,
  delaySeconds: commonSettings.delaySeconds,
  /** The shops whose requests are accepted, by their myshopify.com domain. */
  shops: v.pipe(v.array(shopDomain), v.nonEmpty('must hold at least one entry')),
  /** The kind of identifier that Shopify's customer id is; it is not looked up if absent. */
  customerId: v.exactOptional(v.literal('source_id', 'must be source_id')),
});
type ShopifySettings = v.InferOutput<typeof shopifySettings>;

/**
 * Creates the Shopify platform (compliance webhooks). `customers/redact` erases, every other topic is acknowledged.
 * Source: shopify.dev, "Privacy law compliance" and "Verify webhook deliveries".
 */
export function shopify(settings: ShopifySettings): Platform {
  return acknowledgingPlatform({
    projects: settings.projects,
    referenceIsDigest: true,
    checkSecret: parseSharedSecret,
    verify,
    parse: request => parse(request, settings),
  });
}

export const shopifySignature = { hash: 'sha256', encoding: 'base64' } as const;

/** Reads a header with or without the prefix `X-`, which newer API versions leave out. */
function shopifyHeader(request: HttpRequest, name: string): string | undefined {
  return singleHeader(request, `X-Shopify-${name}`) ?? singleHeader(request, `Shopify-${name}`);
}

/** The app's client secret signs the raw body ("Verify webhook deliveries"); the app review expects 401. */
async function verify(request: HttpRequest, { secret }: VerifyContext): Promise<Authentication> {
  const secrets = parseSharedSecret(await secret());
  const given = shopifyHeader(request, 'Hmac-SHA256') ?? '';
  const matched = matchSignature(given, request.rawBody, secrets, shopifySignature);
  if (matched === undefined) throw new Failure('unauthorized', 'X-Shopify-Hmac-SHA256: does not match');
  return { scheme: 'hmac-sha256', secret: matched };
}

const customer = v.object({
  id: v.nullish(textOrInteger),
  email: v.nullish(v.string()),
  phone: v.nullish(textOrInteger),
});
const redactionField = v.object({ orders_to_redact: v.unknown() });
const redaction = v.object({
  shop_domain: v.string(),
  customer: v.nullish(customer),
  orders_to_redact: v.array(v.unknown()),
});

/** The topic of a redaction, as paths, constants and older documents spell it. */
const redactionTopic = /^\s*customers?[/_]redact\s*$/i;

/**
 * The topic is not signed, so the signed body decides: only a redaction has `orders_to_redact`. A topic that contradicts
 * it, or is missing, is a violation.
 */
function parse(request: HttpRequest, settings: ShopifySettings) {
  const topic = shopifyHeader(request, 'Topic');
  const isRedaction = v.is(redactionField, parseJson(new TextDecoder().decode(request.rawBody))?.value);
  if (!isRedaction) {
    if (topic === undefined) throw new Failure('invalid', 'X-Shopify-Topic: is missing');
    if (!redactionTopic.test(topic)) return { ignore: 'other-topic' };
  }
  const json = parseStrictJson(request.rawBody);
  const { shop_domain, customer: person } = parseBody(redaction, json, 'customers/redact');
  const shop = shop_domain.toLowerCase();
  if (!settings.shops.includes(shop)) throw new Failure('forbidden', 'shop_domain: is not configured');
  const violation = topic === 'customers/redact' ? {} : { violation: 'X-Shopify-Topic: contradicts the signed body' };
  return { erase: [erasure(request, shop, person, settings)], ...violation };
}

/**
 * The signature covers the body only, so the reference is the hex SHA-256 digest of the body. The webhook's id and time in
 * the headers decide nothing: without `submittedAt`, the time of the first delivery is used.
 */
function erasure(
  request: HttpRequest,
  shop: string,
  person: v.InferOutput<typeof redaction>['customer'],
  settings: ShopifySettings,
) {
  const deliveryId = shopifyHeader(request, 'Webhook-Id');
  const { id, email, phone } = person ?? {};
  const values = { 'customer.id': id, 'customer.email': email, 'customer.phone': phone };
  const identities = Object.entries(values).flatMap(([space, value]) =>
    typeof value === 'string' ? [{ space, format: 'raw', value }] : [],
  );
  const kinds = { 'customer.id': settings.customerId, 'customer.email': 'email', 'customer.phone': 'phone' } as const;
  return {
    reference: createHash('sha256').update(request.rawBody).digest('hex'),
    scope: shop,
    ...(deliveryId === undefined ? {} : { deliveryId }),
    identities,
    identifiers: mapIdentities(identities, kinds),
    callbacks: [],
  };
}
