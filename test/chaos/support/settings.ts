import { parseSettings, type Settings } from '../../../lambda/settings.ts';
import { ketchSecret, ketchSection, shopifySecret, shopifySection } from './platform-requests.ts';
import { keyOf } from './voucherify.ts';

export interface QuotaOptions {
  readonly quotaShare?: number;
  readonly quotaPeriod?: 'minute' | 'hour';
  readonly auth?: 'api-key' | 'oauth';
  readonly limits?: Readonly<Record<string, number>>;
}

/** Returns the secrets: of the platforms, the pepper, and a key for each project. */
export function secretsOf(projects: readonly string[]): Record<string, string> {
  const keys = projects.map(project => [`erasure/voucherify/${project}`, JSON.stringify(keyOf(project))] as const);
  return {
    'erasure/pepper': 'pepper-of-the-chaos-with-more-than-43-characters',
    'erasure/platform/ketch': ketchSecret,
    'erasure/platform/shopify': shopifySecret,
    ...Object.fromEntries(keys),
  };
}

/** Returns the settings of a deployed stack; each project has its own host. */
export function settingsOf(options: QuotaOptions, projects: readonly string[], callsPerMinute: number): Settings {
  const { quotaShare = 0.5, quotaPeriod = 'minute', auth = 'api-key', limits = {} } = options;
  const quota = { auth, quotaShare, quotaPeriod, callsPerMinute };
  const named = projects.map(name => [name, { baseUrl: `https://${name}.api.voucherify.io`, ...quota }]);
  const text = {
    projects: Object.fromEntries(named),
    platforms: { ketch: ketchSection, shopify: shopifySection },
    limits: { requestsPerHour: 1_000_000, ...limits },
  };
  return parseSettings(JSON.stringify(text), 'deployed');
}
