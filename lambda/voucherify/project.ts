import type { VersionedStore } from '../control/versioned-store.ts';
import type { Send } from '../io/http-client.ts';
import type { ReadSecret } from '../io/secret-cache.ts';
import { createLimitedClient, type ExpectedCalls, type LimitedClient, serialQueue } from '../quota/limited-client.ts';
import type { Quota } from '../quota/rate-limit.ts';
import { createRateLimiter } from '../quota/rate-limiter.ts';
import { createVoucherifyClient, type VoucherifyClient } from './client.ts';
import {
  apiKeyCredentials,
  apiKeyReader,
  type CredentialProvider,
  type CredentialResult,
  oauthCredentials,
} from './credentials.ts';
import type { ProjectSettings } from './project-settings.ts';

/** One Voucherify project in a process: its credentials and its rate limiter, shared by all attempts. */
export interface Project {
  /** Reads the rate-limit state in advance. Never throws. */
  prefetchRateLimit(): Promise<void>;
  /** Creates the client of one attempt. */
  attempt(work: { readonly receipt: string; readonly fresh: boolean }): ProjectClient;
}

export interface ProjectClient {
  readonly voucherify: VoucherifyClient;
  readonly limitedClient: LimitedClient;
  /** Reserves the first calls before the attempt begins; returns the reason if it is rate-limited. */
  reserve(expected: ExpectedCalls, until: number): ReturnType<LimitedClient['reserve']>;
}

export interface ProjectContext {
  readonly settings: { readonly projects: Readonly<Record<string, ProjectSettings>> };
  readonly readSecret: ReadSecret;
  readonly control: VersionedStore;
  readonly send: Send;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

const minute = 60_000;
const hour = 3_600_000;

/** Opens a project of the settings. Throws `RangeError` for an unknown project. */
export function openProject(name: string, { settings, readSecret, control, send, now, wait }: ProjectContext): Project {
  const project = settings.projects[name];
  if (project === undefined) throw new RangeError('project: not in settings');
  const prove = credentialProviderFor(name, project, { readSecret, now });
  const shared = {
    send,
    now,
    wait,
    queue: serialQueue(),
    rateLimiter: createRateLimiter(name, quotaFromSettings(project), control),
  };
  return {
    prefetchRateLimit: shared.rateLimiter.prefetch,
    attempt: work => {
      const limitedClient = createLimitedClient({ ...shared, ...work });
      // The first call reports why credentials are unavailable, without a second request for them.
      let known: CredentialResult | undefined;
      const proveOnce: CredentialProvider = async (...args) => {
        const proving = known ?? (await prove(...args));
        known = undefined;
        return proving;
      };
      const reserve = async (expected: ExpectedCalls, until: number) => {
        const proving = await prove(limitedClient.send, until);
        if (proving.kind === 'credentials') {
          limitedClient.expectCalls(expected);
          return limitedClient.reserve(expected.calls, proving.headers, until);
        }
        if (proving.kind === 'held' && proving.until !== undefined) return proving;
        known = proving;
        return undefined;
      };
      return {
        voucherify: createVoucherifyClient(project.baseUrl, proveOnce, limitedClient.send),
        limitedClient,
        reserve,
      };
    },
  };
}

/** Returns the credential provider that settings name. */
export function credentialProviderFor(
  name: string,
  { auth, baseUrl }: ProjectSettings,
  { readSecret, now }: Pick<ProjectContext, 'readSecret' | 'now'>,
): CredentialProvider {
  const readKeys = apiKeyReader(name, readSecret);
  return auth === 'oauth' ? oauthCredentials(baseUrl, readKeys, now) : apiKeyCredentials(readKeys);
}

/** Returns the quota of a project from its settings. */
export function quotaFromSettings({ quotaShare, callsPerMinute, quotaPeriod }: ProjectSettings): Quota {
  return { share: quotaShare, limit: callsPerMinute, periodMs: quotaPeriod === 'hour' ? hour : minute };
}
