import type { Send } from '../io/outbound.ts';
import type { ReadSecret } from '../io/secret.ts';
import type { ProjectSettings, Settings } from '../io/settings.ts';
import type { VersionedStore } from '../receipts/control.ts';
import { createVoucherifyClient, type VoucherifyClient } from './client.ts';
import { apiKeyCredentials, type CredentialProvider, type CredentialResult, oauthCredentials } from './credentials.ts';
import { createLimitedClient, type ExpectedCalls, type LimitedClient, serialQueue } from './gate.ts';
import { apiKeyReader } from './keys.ts';
import { createRateLimiter } from './pacer.ts';
import type { Quota } from './rhythm.ts';

/** One Voucherify project as a process holds it: its credentials and its pace, shared by all attempts. */
export interface Project {
  /** Reads how the pace stands, beside something else that must be waited for. Never throws. */
  prefetchRateLimit(): Promise<void>;
  /** The way of one attempt to this project. */
  attempt(work: { readonly receipt: string; readonly fresh: boolean }): ProjectClient;
}

export interface ProjectClient {
  readonly voucherify: VoucherifyClient;
  readonly limitedClient: LimitedClient;
  /** Reserves the first calls before the attempt begins; gives what holds it, if anything does. */
  reserve(expected: ExpectedCalls, until: number): ReturnType<LimitedClient['reserve']>;
}

export interface ProjectContext {
  readonly settings: Settings;
  readonly readSecret: ReadSecret;
  readonly control: VersionedStore;
  readonly send: Send;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

const minute = 60_000;
const hour = 3_600_000;

/** Opens a project of the settings. Throws `RangeError` for one that is not there. */
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
      const gate = createLimitedClient({ ...shared, ...work });
      // What stood in the way of credentials is the first call's to report, and is not asked for twice.
      let known: CredentialResult | undefined;
      const proveOnce: CredentialProvider = async (...asked) => {
        const proving = known ?? (await prove(...asked));
        known = undefined;
        return proving;
      };
      const admit = async (expected: ExpectedCalls, until: number) => {
        const proving = await prove(gate.send, until);
        if (proving.kind === 'credentials') {
          gate.expectCalls(expected);
          return gate.reserve(expected.calls, proving.headers, until);
        }
        if (proving.kind === 'held' && proving.until !== undefined) return proving;
        known = proving;
        return undefined;
      };
      return {
        voucherify: createVoucherifyClient(project.baseUrl, proveOnce, gate.send),
        limitedClient: gate,
        reserve: admit,
      };
    },
  };
}

/** How a project proves itself, as settings say. */
export function credentialProviderFor(
  name: string,
  { auth, baseUrl }: ProjectSettings,
  { readSecret, now }: Pick<ProjectContext, 'readSecret' | 'now'>,
): CredentialProvider {
  const readKeys = apiKeyReader(name, readSecret);
  return auth === 'oauth' ? oauthCredentials(baseUrl, readKeys, now) : apiKeyCredentials(readKeys);
}

/** The quota of a project, as settings have it. */
export function quotaFromSettings({ quotaShare, callsPerMinute, quotaPeriod }: ProjectSettings): Quota {
  return { share: quotaShare, limit: callsPerMinute, periodMs: quotaPeriod === 'hour' ? hour : minute };
}
