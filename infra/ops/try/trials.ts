import * as v from 'valibot';
import { parseSharedSecret } from '../../../lambda/authenticity/shared-secret.ts';
import { transcendSettings } from '../../../lambda/platforms/transcend/request.ts';
import { segmentTrial, shopifyTrial } from './acknowledged.ts';
import { genericTrial } from './generic.ts';
import { ketchTrial } from './ketch.ts';
import { type Invented, json, type Trial, type Untried } from './trial.ts';

type Try = (section: unknown, invented: Invented) => Trial | Untried;

/** The table: one line a platform. */
const trials: Readonly<Record<string, Try>> = {
  ketch: ketchTrial,
  generic: genericTrial,
  transcend: transcendUntried,
  segment: segmentTrial,
  shopify: shopifyTrial,
};

/** What is sent to a platform of these settings; `undefined` for one that nobody has written a trial for. */
export function trialOf(name: string, section: unknown, invented: Invented): Trial | Untried | undefined {
  const isGeneric = v.is(v.object({ type: v.literal('generic') }), section);
  const kind = isGeneric ? 'generic' : name;
  return Object.hasOwn(trials, kind) ? trials[kind]?.(section, invented) : undefined;
}

/** Sombra signs with a key that never leaves it, so only Transcend can send a request that is genuine. */
function transcendUntried(section: unknown, { name }: Invented): Untried {
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
