import * as v from 'valibot';
import { isGeneric } from '../../../lambda/platforms/index.ts';
import type { Pseudonymizer } from '../../../lambda/receipts/hmac.ts';
import type { Settings } from '../../../lambda/settings.ts';

interface RequestIds {
  /** The ids of the receipts that such a request would have. */
  readonly ids: readonly string[];
  /** The platforms whose stored id contains more than the id of the request. */
  readonly unsearchable: readonly string[];
}

/**
 * Returns the receipt ids of a request with this id of the platform, in every scope that the settings know. Without HMACs,
 * only the platforms that cannot be searched.
 */
export function requestIds(
  request: string,
  { platforms }: Settings,
  hmacs?: Pick<Pseudonymizer, 'receipt'>,
): RequestIds {
  const keys = Object.entries(platforms).map(([name, section]) => ({ name, ...keysOf(name, section, request.trim()) }));
  return {
    ids: keys.flatMap(({ name, scopes = [], reference }) =>
      hmacs === undefined ? [] : scopes.map(scope => hmacs.receipt(name, scope, reference)),
    ),
    unsearchable: keys.flatMap(({ name, scopes }) => (scopes === undefined ? [name] : [])),
  };
}

const ketchTenants = v.object({ tenants: v.array(v.string()) });
const severalPlaces = v.object({ reference: v.array(v.unknown()) });

/** Returns the scopes and the reference that the platform's requests are stored with; no scopes if they are not known. */
function keysOf(
  name: string,
  section: unknown,
  request: string,
): { readonly scopes?: readonly string[]; readonly reference: string } {
  if (isGeneric(section) || name === 'generic')
    return v.is(severalPlaces, section) ? { reference: request } : { scopes: [''], reference: request };
  // The id of a Ketch request is stored in lower case.
  if (name === 'ketch' && v.is(ketchTenants, section))
    return { scopes: section.tenants, reference: request.toLowerCase() };
  return { reference: request };
}
