import * as v from 'valibot';
import { loopbackOrigin } from '../domain/http.ts';
import { oneOf, wholeNumber } from '../io/setting-schemas.ts';

/** Where settings are used: a deployed stack never talks to a loopback address. */
export type SettingsTarget = 'deployed' | 'local';

/** Voucherify docs, API endpoint: the clusters that projects share. A dedicated one has an endpoint of its own. */
export const sharedClusters: Readonly<Record<string, string>> = {
  eu1: 'https://api.voucherify.io',
  us1: 'https://us1.api.voucherify.io',
  as1: 'https://as1.api.voucherify.io',
};

/** Voucherify docs, API endpoint: the shared clusters and dedicated hosts all end in `api.voucherify.io`. */
const voucherifyOrigin = /^https:\/\/([a-z0-9-]+\.)*api\.voucherify\.io$/;

/** Settings of one Voucherify project. */
export function projectSchema(where: SettingsTarget) {
  const isBaseUrl = (url: string) => voucherifyOrigin.test(url) || (where === 'local' && loopbackOrigin.test(url));
  const share = v.pipe(
    v.number(),
    v.check(part => part > 0 && part <= 1, 'must be above 0 and at most 1'),
  );
  return v.strictObject({
    baseUrl: v.pipe(v.string(), v.check(isBaseUrl, 'must be the https origin of a Voucherify API endpoint')),
    auth: v.optional(oneOf(['api-key', 'oauth']), 'api-key'),
    quotaShare: v.optional(share, 0.5),
    callsPerMinute: v.optional(wholeNumber(1, 1_000_000), 100),
    quotaPeriod: v.optional(oneOf(['minute', 'hour']), 'minute'),
    residue: v.exactOptional(v.boolean()),
  });
}

export type ProjectSettings = v.InferOutput<ReturnType<typeof projectSchema>>;
