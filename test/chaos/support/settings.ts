import { parseSettings, type Settings } from '../../../lambda/settings.ts';
import {
  ketchSecret,
  ketchSection,
  shopifySecret,
  shopifySection,
  withdrawableSecret,
  withdrawableSection,
} from './platform-requests.ts';
import { keyOf } from './voucherify.ts';

export interface QuotaOptions {
  readonly quotaShare?: number;
  readonly quotaPeriod?: 'minute' | 'hour';
  readonly auth?: 'api-key' | 'oauth';
  readonly limits?: Readonly<Record<string, number>>;
  readonly reappearance?: object;
  /** Whether the projects count what Voucherify lists before and after a deletion. */
  readonly residue?: boolean;
}

/** Returns the secrets: of the platforms, the pepper, and a key for each project. */
export function secretsOf(projects: readonly string[]): Record<string, string> {
  const keys = projects.map(project => [`erasure/voucherify/${project}`, JSON.stringify(keyOf(project))] as const);
  const events = projects.map(
    one => [`erasure/events/${one}`, JSON.stringify({ current: eventSecretOf(one) })] as const,
  );
  return {
    'erasure/pepper': 'pepper-of-the-chaos-with-more-than-43-characters',
    'erasure/platform/ketch': ketchSecret,
    'erasure/platform/shopify': shopifySecret,
    'erasure/platform/prompt': withdrawableSecret,
    'erasure/platform/delayed': withdrawableSecret,
    ...Object.fromEntries(keys),
    ...Object.fromEntries(events),
  };
}

/** Returns the secret with which Voucherify signs the events of a project. */
export function eventSecretOf(project: string): string {
  return `event-secret-of-the-project-${project}`;
}

/** Returns the settings of a deployed stack; each project has its own host. */
export function settingsOf(options: QuotaOptions, projects: readonly string[], callsPerMinute: number): Settings {
  const {
    quotaShare = 0.5,
    quotaPeriod = 'minute',
    auth = 'api-key',
    limits = {},
    reappearance,
    residue = false,
  } = options;
  const quota = { auth, quotaShare, quotaPeriod, callsPerMinute, residue };
  const named = projects.map(name => [name, { baseUrl: `https://${name}.api.voucherify.io`, ...quota }]);
  const text = {
    projects: Object.fromEntries(named),
    platforms: {
      ketch: ketchSection,
      shopify: shopifySection,
      prompt: withdrawableSection,
      delayed: { ...withdrawableSection, delaySeconds: 120 },
    },
    limits: { requestsPerHour: 1_000_000, ...limits },
    ...(reappearance && { reappearance }),
  };
  return parseSettings(JSON.stringify(text), 'deployed');
}
