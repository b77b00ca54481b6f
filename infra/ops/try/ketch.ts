import * as v from 'valibot';
import { parseSharedSecret } from '../../../lambda/authenticity/shared-secret.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import { notFinishedYet } from '../../../lambda/platforms/ketch/reply.ts';
import { type KetchSettings, ketchSettings } from '../../../lambda/platforms/ketch/request.ts';
import { type InventedPerson, json, type SmokeRequest } from './trial.ts';

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
    judge: ({ status, body }) => judged(status, parseJson(body)?.value),
  };
}

/** Never a customer's id: an unknown one may be somebody who was deleted softly, and would be purged. */
function inventedIdentity(kinds: KetchSettings['identities'], name: string) {
  const spaceOf = (kind: string) => Object.keys(kinds).find(space => kinds[space] === kind);
  const [bySource, byEmail] = [spaceOf('source_id'), spaceOf('email')];
  const identityValue = bySource === undefined && byEmail !== undefined ? `${name}@example.invalid` : name;
  return { identitySpace: bySource ?? byEmail ?? 'erasure_try', identityFormat: 'raw', identityValue };
}

const reasons: Readonly<Record<string, string>> = {
  no_match: 'the secret is right, a receipt was stored, and Voucherify was asked and knows nobody of that name',
  insufficient_identification:
    'the secret is right and a receipt was stored; no identity was looked up, as none is mapped',
};

const answered = v.object({ response: v.object({ status: v.string(), reason: v.optional(v.string()) }) });
const refused = v.object({ error: v.object({ message: v.literal(notFinishedYet.message) }) });

function judged(status: number, body: unknown): string | undefined {
  // Without callbacks in the request, this is how an open erasure is answered.
  if (status === notFinishedYet.status && v.is(refused, body)) return open;
  const parsed = v.safeParse(answered, body);
  if (status !== 200 || !parsed.success) return undefined;
  const { response } = parsed.output;
  return response.status === 'completed' ? reasons[response.reason ?? ''] : undefined;
}

const open =
  'the secret is right and a receipt was stored; it waits for a pause, holdSeconds, the pace or Voucherify (doctor says ' +
  'which), and the sweep ends it';
