import { parseSharedSecret } from '../../../lambda/authenticity/shared-secret.ts';
import { bodySignature } from '../../../lambda/authenticity/signed-body.ts';
import { segmentSignature } from '../../../lambda/platforms/segment.ts';
import { shopifySignature } from '../../../lambda/platforms/shopify.ts';
import { type InventedPerson, json, type SmokeRequest } from './trial.ts';

/** Segment: an event that is no deletion is acknowledged and not looked at. */
export function segmentSmokeRequest(_: unknown, { uuid, name }: InventedPerson): SmokeRequest {
  const body = JSON.stringify({ type: 'track', event: 'erasure-try', messageId: uuid, userId: name });
  return {
    sends: 'a track event, which is acknowledged and forgotten; arrays need a second secret and are not tried',
    body,
    headers: text => ({
      ...json,
      'X-Signature': bodySignature(parseSharedSecret(text).current, body, segmentSignature),
    }),
    refusedWith: 401,
    judge,
  };
}

/** Shopify: a topic that is not customers/redact is acknowledged and not looked at. */
export function shopifySmokeRequest(_: unknown, { uuid }: InventedPerson): SmokeRequest {
  const body = JSON.stringify({ try: uuid });
  const about = { 'X-Shopify-Topic': 'erasure/try', 'X-Shopify-Webhook-Id': uuid };
  const signature = (text: string) => bodySignature(parseSharedSecret(text).current, body, shopifySignature);
  return {
    sends: 'a message of a topic that Shopify does not have, which is acknowledged and forgotten',
    body,
    headers: text => ({ ...json, ...about, 'X-Shopify-Hmac-SHA256': signature(text) }),
    refusedWith: 401,
    judge,
  };
}

function judge({ status }: { readonly status: number }): string | undefined {
  return status === 200 ? 'the secret is right; nothing was stored' : undefined;
}
