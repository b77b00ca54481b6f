import { randomInt, randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { parseSharedSecret } from '../../../lambda/authentication/shared-secret.ts';
import { bodySignature, parseSigningKeys, signedHeaders } from '../../../lambda/authentication/signed-body.ts';
import { oneOrList } from '../../../lambda/io/setting-schemas.ts';
import { isGeneric } from '../../../lambda/platforms/index.ts';
import { type KetchSettings, ketchSettings } from '../../../lambda/platforms/ketch.ts';
import { shopifySettings, shopifySignature } from '../../../lambda/platforms/shopify.ts';
import type { SandboxCustomer } from '../sandbox/sandbox.ts';

/** The person to erase, as the platform knows them. */
type MessagePerson = Pick<SandboxCustomer, 'source_id' | 'email'>;

/** A request as the platform sends it. */
export interface PlatformMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** When and with which secret a message is sent, and where the platform takes the result. */
interface MessageContext {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly secretText: string;
  readonly callbackUrl?: string;
}

/** Builds the request of one platform; `undefined` if the platform does not know this person by any identifier. */
type BuildMessage = (person: MessagePerson, context: MessageContext) => PlatformMessage | undefined;

/** How the page sends requests of one platform. */
export interface MessageSource {
  readonly title: string;
  readonly build: BuildMessage;
}

const json = { 'Content-Type': 'application/json', Accept: 'application/json' };

/** Returns how to send requests of a platform; `undefined` for one that only the platform itself can send. */
export function messageSourceOf(name: string, section: unknown): MessageSource | undefined {
  if (v.is(defaultStandardWebhooks, section) && (isGeneric(section) || name === 'generic')) {
    return { title: name === 'generic' ? 'Generic platform' : titleOf(name), build: standardWebhooksMessage };
  }
  if (isGeneric(section)) return undefined;
  if (name === 'ketch') return { title: 'Ketch', build: ketchBuilder(v.parse(ketchSettings, section)) };
  if (name === 'shopify') return { title: 'Shopify', build: shopifyBuilder(v.parse(shopifySettings, section)) };
  return undefined;
}

/** Settings that leave the places of the message as they are documented. */
const defaultStandardWebhooks = v.object({
  authentication: oneOrList(v.object({ kind: v.literal('standard-webhooks') }), 'authentication'),
  identifiers: v.exactOptional(v.undefined()),
  reference: v.exactOptional(v.undefined()),
  rules: v.exactOptional(v.undefined()),
  each: v.exactOptional(v.undefined()),
});

function titleOf(name: string): string {
  return name.replaceAll(
    /(^|-)([a-z])/g,
    (_, dash: string, letter: string) => `${dash === '' ? '' : ' '}${letter.toUpperCase()}`,
  );
}

/** ketch-com/ketch-forwarder, api/dsr/v1: a DeleteRequest. */
function ketchBuilder(settings: KetchSettings): BuildMessage {
  return (person, { now, secretText, callbackUrl }) => {
    const values = { source_id: person.source_id, email: person.email, customer_id: undefined, phone: undefined };
    // One identifier: an address that two customers share would erase both.
    const [identity] = ['source_id', 'email'].flatMap(kind =>
      Object.entries(settings.identities).flatMap(([identitySpace, mapped]) => {
        const identityValue = mapped === kind ? values[mapped] : undefined;
        return identityValue === undefined ? [] : [{ identitySpace, identityFormat: 'raw', identityValue }];
      }),
    );
    if (identity === undefined) return undefined;
    const [tenant = '', environment = ''] = [settings.tenants[0], settings.environments[0]];
    const body = ketchBody({ now, tenant, environment, identities: [identity], callbackUrl });
    return {
      headers: { ...json, [settings.header]: parseSharedSecret(secretText).current },
      body: JSON.stringify(body),
    };
  };
}

interface KetchDetails {
  readonly now: number;
  readonly tenant: string;
  readonly environment: string;
  readonly identities: readonly object[];
  readonly callbackUrl?: string | undefined;
}

/** Returns the body of a DeleteRequest that is due in 30 days. */
export function ketchBody({ now, tenant, environment, identities, callbackUrl }: KetchDetails) {
  const seconds = Math.floor(now / 1000);
  const callbacks =
    callbackUrl === undefined ? [] : [{ url: callbackUrl, headers: { Authorization: 'Bearer invented' } }];
  return {
    apiVersion: 'dsr/v1',
    kind: 'DeleteRequest',
    metadata: { uid: randomUUID(), tenant },
    request: {
      property: 'shop',
      environment,
      regulation: 'gdpr',
      jurisdiction: 'eugdpr',
      identities,
      callbacks,
      subject: { email: 'invented@example.com', firstName: 'Invented', lastName: 'Person' },
      submittedTimestamp: seconds,
      dueTimestamp: seconds + 30 * 86_400,
    },
  };
}

/** shopify.dev, "Privacy law compliance": `customers/redact`. The body identifies the request, so its orders are random. */
function shopifyBuilder({ shops, customerId }: v.InferOutput<typeof shopifySettings>): BuildMessage {
  return ({ email, source_id }, { now, secretText }) => {
    const id = customerId === 'source_id' ? source_id : randomInt(1e9, 1e12);
    if (id === undefined && email === undefined) return undefined;
    const body = JSON.stringify({
      shop_id: 954_889,
      shop_domain: shops[0],
      customer: { id: id ?? null, email: email ?? null, phone: null },
      orders_to_redact: [randomInt(1e9, 1e12), randomInt(1e9, 1e12)],
    });
    const headers = {
      ...json,
      'X-Shopify-Topic': 'customers/redact',
      'X-Shopify-Shop-Domain': shops[0] ?? '',
      'X-Shopify-API-Version': '2026-10',
      'X-Shopify-Webhook-Id': randomUUID(),
      'X-Shopify-Triggered-At': new Date(now).toISOString(),
      'X-Shopify-Hmac-SHA256': bodySignature(parseSharedSecret(secretText).current, body, shopifySignature),
    };
    return { headers, body };
  };
}

/** docs/platforms/generic.md, signed as Standard Webhooks 1.0 defines. */
function standardWebhooksMessage(
  { source_id, email }: MessagePerson,
  { now, secretText, callbackUrl }: MessageContext,
): PlatformMessage | undefined {
  const identifier =
    source_id === undefined ? { type: 'email', value: email } : { type: 'source_id', value: source_id };
  if (identifier.value === undefined) return undefined;
  const body = JSON.stringify({
    type: 'erasure',
    request_id: randomUUID(),
    identifiers: [identifier],
    submitted_at: new Date(now).toISOString(),
    ...(callbackUrl === undefined ? {} : { callback_url: callbackUrl }),
  });
  return {
    headers: { ...json, ...signedHeaders(`msg_${randomUUID()}`, body, parseSigningKeys(secretText), now) },
    body,
  };
}
