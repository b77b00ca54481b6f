import * as v from 'valibot';
import { parseSharedSecret } from '../../../lambda/authentication/shared-secret.ts';
import { bodySignature } from '../../../lambda/authentication/signed-body.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import { notFinishedYet } from '../../../lambda/platforms/ketch/reply.ts';
import { type KetchSettings, ketchSettings } from '../../../lambda/platforms/ketch/request.ts';
import { segmentSignature } from '../../../lambda/platforms/segment.ts';
import { shopifySignature } from '../../../lambda/platforms/shopify.ts';
import { transcendSettings } from '../../../lambda/platforms/transcend/request.ts';
import { genericSmokeRequest } from './smoke-generic.ts';
import { type InventedPerson, json, type NoSmokeRequest, type SmokeRequest } from './smoke-request.ts';

type CreateSmokeRequest = (section: unknown, invented: InventedPerson) => SmokeRequest | NoSmokeRequest;

/** The table: one line a platform. */
const smokeRequests: Readonly<Record<string, CreateSmokeRequest>> = {
  ketch: ketchSmokeRequest,
  generic: genericSmokeRequest,
  transcend: transcendSmokeRequest,
  segment: segmentSmokeRequest,
  shopify: shopifySmokeRequest,
};

/** What is sent to a platform of these settings; `undefined` for one that nobody has written a trial for. */
export function smokeRequestFor(
  name: string,
  section: unknown,
  invented: InventedPerson,
): SmokeRequest | NoSmokeRequest | undefined {
  const isGeneric = v.is(v.object({ type: v.literal('generic') }), section);
  const kind = isGeneric ? 'generic' : name;
  return Object.hasOwn(smokeRequests, kind) ? smokeRequests[kind]?.(section, invented) : undefined;
}

/** Sombra signs with a key that never leaves it, so only Transcend can send a request that is genuine. */
function transcendSmokeRequest(section: unknown, { name }: InventedPerson): NoSmokeRequest {
  const { header } = v.parse(transcendSettings, section);
  return {
    body: JSON.stringify({ type: 'ERASURE', isTest: true, coreIdentifier: { value: name } }),
    headers: text => ({ ...json, [header]: parseSharedSecret(text).current, 'x-sombra-token': 'none' }),
    refusedWith: 401,
    instead:
      'Transcend signs with a key of its own, so have it send the request: in Transcend, Integrations, the custom ' +
      'integration of this webhook, a request in test mode; 204 is right (docs/platforms/transcend.md)',
  };
}

/** Ketch's contract has no trial (dsr/v1, Delete): somebody who does not exist is to be erased. */
export function ketchSmokeRequest(section: unknown, { uuid, name }: InventedPerson): SmokeRequest {
  const { header, tenants, environments, identities } = v.parse(ketchSettings, section);
  const identity = inventedIdentity(identities, name);
  const metadata = { uid: uuid, tenant: tenants[0] };
  const request = { environment: environments[0], identities: [identity], callbacks: [] };
  return {
    sends:
      `a DeleteRequest for ${identity.identitySpace} ${identity.identityValue}, whom nobody knows; ` +
      'it costs a look-up in each project, and leaves a receipt that says so',
    body: JSON.stringify({ apiVersion: 'dsr/v1', kind: 'DeleteRequest', metadata, request }),
    headers: text => ({ ...json, [header]: parseSharedSecret(text).current }),
    refusedWith: 403,
    judge: ({ status, body }) => judgeKetch(status, parseJson(body)?.value),
  };
}

/** Never a customer's id: an unknown one may be somebody who was deleted softly, and would be purged. */
function inventedIdentity(kinds: KetchSettings['identities'], name: string) {
  const spaceOf = (kind: string) => Object.keys(kinds).find(space => kinds[space] === kind);
  const [bySource, byEmail] = [spaceOf('source_id'), spaceOf('email')];
  const identityValue = bySource === undefined && byEmail !== undefined ? `${name}@example.invalid` : name;
  return { identitySpace: bySource ?? byEmail ?? 'erasure_try', identityFormat: 'raw', identityValue };
}

const completedReasons: Readonly<Record<string, string>> = {
  no_match: 'the secret is right, a receipt was stored, and Voucherify was asked and knows nobody of that name',
  insufficient_identification:
    'the secret is right and a receipt was stored; no identity was looked up, as none is mapped',
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
  'the secret is right and a receipt was stored; it waits for a pause, holdSeconds, the pace or Voucherify (doctor says ' +
  'which), and the sweep ends it';

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
    judge: judgeAcknowledged,
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
    judge: judgeAcknowledged,
  };
}

function judgeAcknowledged({ status }: { readonly status: number }): string | undefined {
  return status === 200 ? 'the secret is right; nothing was stored' : undefined;
}
