import type { ErasureRequest } from '../../lambda/erasure.ts';
import { ketch } from '../../lambda/platforms/ketch/index.ts';
import { ketchSection } from './ketch.ts';
import { requestOf } from './requests.ts';

export const ketchPlatform = ketch(ketchSection);

/** The one erasure that a body asks for. */
export function readKetch(body: unknown, headers = { 'content-type': 'application/json' }): ErasureRequest {
  const reading = ketchPlatform.parse(requestOf(body, headers), { scheme: 'shared-secret', secret: 'current' });
  if (!('erase' in reading) || reading.erase.length !== 1) throw new Error('Ketch asks for one erasure');
  return reading.erase[0]!;
}
