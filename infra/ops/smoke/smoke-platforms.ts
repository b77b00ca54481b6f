import * as v from 'valibot';
import { parseSharedSecret } from '../../../lambda/authentication/shared-secret.ts';
import { bodySignature } from '../../../lambda/authentication/signed-body.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import { isGeneric } from '../../../lambda/platforms/index.ts';
import { type KetchSettings, ketchSettings, notFinishedYet } from '../../../lambda/platforms/ketch.ts';
import { segmentSignature } from '../../../lambda/platforms/segment.ts';
import { shopifySignature } from '../../../lambda/platforms/shopify.ts';
import { transcendSettings } from '../../../lambda/platforms/transcend.ts';
import { genericSmokeRequest } from './smoke-generic.ts';
import { type InventedPerson, json, type NoSmokeRequest, type SmokeRequest } from './smoke-verdict.ts';

type CreateSmokeRequest = (section: unknown, invented: InventedPerson) => SmokeRequest | NoSmokeRequest;

/** One line for each platform. */
const smokeRequests: Readonly<Record<string, CreateSmokeRequest>> = {
  ketch: ketchSmokeRequest,
  generic: genericSmokeRequest,
  transcend: transcendSmokeRequest,
  segment: segmentSmokeRequest,
  shopify: shopifySmokeRequest,
};

/** Returns the test request for a platform of these settings, or `undefined` if none is defined. */
export function smokeRequestFor(
  name: string,
  section: unknown,
  invented: InventedPerson,
): SmokeRequest | NoSmokeRequest | undefined {
  const kind = isGeneric(section) ? 'generic' : name;
  return Object.hasOwn(smokeRequests, kind) ? smokeRequests[kind]?.(section, invented) : undefined;
}

/** Sombra signs with a key that never leaves it, so only Transcend can send a valid request. */
function transcendSmokeRequest(section: unknown, { name }: InventedPerson): NoSmokeRequest {
  const { header } = v.parse(transcendSettings, section);
  return {
    body: JSON.stringify({ type: 'ERASURE', isTest: true, coreIdentifier: { value: name } }),
    headers: text => ({ ...json, [header]: parseSharedSecret(text).current, 'x-sombra-token': 'none' }),
    refusedWith: 401,
    instead:
      'Transcend signs with its own key, so send the request from there: in Transcend, Integrations, the custom ' +
      'integration of this webhook, a request in test mode; the expected status is 204 (docs/platforms/transcend.md)',
  };
}

/** Ketch's contract has no test mode (dsr/v1, Delete), so the request is for an invented person. */
function ketchSmokeRequest(section: unknown, { uuid, name }: InventedPerson): SmokeRequest {
  const { header, tenants, environments, identities } = v.parse(ketchSettings, section);
  const identity = inventedIdentity(identities, name);
  const metadata = { uid: uuid, tenant: tenants[0] };
  const request = { environment: environments[0], identities: [identity], callbacks: [] };
  return {
    sends:
      `a DeleteRequest for ${identity.identitySpace} ${identity.identityValue}, an invented person; ` +
      'it costs one look-up per project and stores a receipt',
    body: JSON.stringify({ apiVersion: 'dsr/v1', kind: 'DeleteRequest', metadata, request }),
    headers: text => ({ ...json, [header]: parseSharedSecret(text).current }),
    refusedWith: 403,
    judge: ({ status, body }) => judgeKetch(status, parseJson(body)?.value),
  };
}

/** Never a customer id: an unknown one could be a soft-deleted customer, who would be deleted permanently. */
function inventedIdentity(kinds: KetchSettings['identities'], name: string) {
  const spaceOf = (kind: string) => Object.keys(kinds).find(space => kinds[space] === kind);
  const [bySource, byEmail] = [spaceOf('source_id'), spaceOf('email')];
  const identityValue = bySource === undefined && byEmail !== undefined ? `${name}@example.invalid` : name;
  return { identitySpace: bySource ?? byEmail ?? 'erasure_try', identityFormat: 'raw', identityValue };
}

const completedReasons: Readonly<Record<string, string>> = {
  no_match: 'the secret is accepted, a receipt was stored, and Voucherify has no such customer',
  insufficient_identification: 'the secret is accepted and a receipt was stored; no mapped identity could be looked up',
};

const responseSchema = v.object({ response: v.object({ status: v.string(), reason: v.optional(v.string()) }) });
const notFinishedSchema = v.object({ error: v.object({ message: v.literal(notFinishedYet.message) }) });

function judgeKetch(status: number, body: unknown): string | undefined {
  // Without callbacks in the request, this is the reply for an open erasure.
  if (status === notFinishedYet.status && v.is(notFinishedSchema, body)) return openText;
  const parsed = v.safeParse(responseSchema, body);
  if (status !== 200 || !parsed.success) return undefined;
  const { response } = parsed.output;
  return response.status === 'completed' ? completedReasons[response.reason ?? ''] : undefined;
}

const openText =
  'the secret is accepted and a receipt was stored; the erasure is paused, delayed or rate-limited, or Voucherify is ' +
  'unavailable (see doctor); the sweep completes it';

/** Segment: an event other than a deletion is acknowledged and ignored. */
function segmentSmokeRequest(_: unknown, { uuid, name }: InventedPerson): SmokeRequest {
  const body = JSON.stringify({ type: 'track', event: 'erasure-try', messageId: uuid, userId: name });
  return {
    sends: 'a track event, which is acknowledged and ignored; arrays need a second secret and are not tested',
    body,
    headers: text => ({
      ...json,
      'X-Signature': bodySignature(parseSharedSecret(text).current, body, segmentSignature),
    }),
    refusedWith: 401,
    judge: judgeAcknowledged,
  };
}

/** Shopify: a topic other than customers/redact is acknowledged and ignored. */
function shopifySmokeRequest(_: unknown, { uuid }: InventedPerson): SmokeRequest {
  const body = JSON.stringify({ try: uuid });
  const about = { 'X-Shopify-Topic': 'erasure/try', 'X-Shopify-Webhook-Id': uuid };
  const signature = (text: string) => bodySignature(parseSharedSecret(text).current, body, shopifySignature);
  return {
    sends: 'a message with an unknown topic, which is acknowledged and ignored',
    body,
    headers: text => ({ ...json, ...about, 'X-Shopify-Hmac-SHA256': signature(text) }),
    refusedWith: 401,
    judge: judgeAcknowledged,
  };
}

function judgeAcknowledged({ status }: { readonly status: number }): string | undefined {
  return status === 200 ? 'the secret is accepted; nothing was stored' : undefined;
}
