import * as v from 'valibot';
import { parseSharedSecret } from '../../../lambda/authentication/shared-secret.ts';
import { isGeneric } from '../../../lambda/platforms/index.ts';
import { transcendSettings } from '../../../lambda/platforms/transcend/request.ts';
import { segmentSmokeRequest, shopifySmokeRequest } from './acknowledged.ts';
import { genericSmokeRequest } from './generic.ts';
import { ketchSmokeRequest } from './ketch.ts';
import { type InventedPerson, json, type NoSmokeRequest, type SmokeRequest } from './trial.ts';

type Try = (section: unknown, invented: InventedPerson) => SmokeRequest | NoSmokeRequest;

/** The table: one line a platform. */
const trials: Readonly<Record<string, Try>> = {
  ketch: ketchSmokeRequest,
  generic: genericSmokeRequest,
  transcend: transcendUntried,
  segment: segmentSmokeRequest,
  shopify: shopifySmokeRequest,
};

/** What is sent to a platform of these settings; `undefined` for one that nobody has written a trial for. */
export function smokeRequestFor(
  name: string,
  section: unknown,
  invented: InventedPerson,
): SmokeRequest | NoSmokeRequest | undefined {
  const kind = isGeneric(section) ? 'generic' : name;
  return Object.hasOwn(trials, kind) ? trials[kind]?.(section, invented) : undefined;
}

/** Sombra signs with a key that never leaves it, so only Transcend can send a request that is genuine. */
function transcendUntried(section: unknown, { name }: InventedPerson): NoSmokeRequest {
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
