import type { VersionedStore } from '../control/versioned-store.ts';
import type { Send } from '../io/http-client.ts';
import type { ReadSecret } from '../io/secret-cache.ts';
import { createLimitedClient, type ExpectedCalls, serialQueue } from '../quota/limited-client.ts';
import type { Quota } from '../quota/rate-limit.ts';
import { createRateLimiter } from '../quota/rate-limiter.ts';
import type { Receipt } from '../receipts/receipt.ts';
import { createProjectClient, type ProjectClient } from './client.ts';
import { apiKeyCredentials, apiKeyReader, type CredentialProvider, oauthCredentials } from './credentials.ts';
import type { ProjectSettings } from './project-settings.ts';
import { residueScopes } from './residue.ts';

/** One Voucherify project in a process: its credentials and its rate limiter, shared by all attempts. */
export interface Project {
  /** Reads the rate-limit state in advance. Never throws. */
  prefetchRateLimit(): Promise<void>;
  /** Creates the client of one attempt. A fresh one belongs to the request path, which may use the burst. */
  client(receipt: ClientReceipt, fresh: boolean): ProjectClient;
}

/** What a client needs to know of a receipt: which calls it still needs, and by whom the breaker counts failures. */
export type ClientReceipt = Pick<Receipt, 'id' | 'projects' | 'lookUpCalls'>;

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
  const readCredentials = credentialProviderFor(name, project, { readSecret, now });
  const rateLimiter = createRateLimiter(name, quotaFromSettings(project), control);
  const shared = { send, now, wait, queue: serialQueue(), rateLimiter };
  const residueCredentials = credentialProviderFor(name, project, { readSecret, now }, residueScopes);
  const counting = { now, wait, ...(project.residue === true && { residueCredentials }) };
  return {
    prefetchRateLimit: rateLimiter.prefetch,
    client: (receipt, fresh) => {
      const expected = expectedCalls(receipt, name);
      const limited = createLimitedClient({ ...shared, receipt: receipt.id, fresh });
      return createProjectClient(project.baseUrl, readCredentials, limited, expected, counting);
    },
  };
}

/**
 * Returns the calls that a receipt still needs in a project. Most requests find one customer, so its deletion is reserved
 * together with the look-ups. Each deletion of a pin that this attempt did not resolve is preceded by a GET.
 */
export function expectedCalls(
  { projects, lookUpCalls }: Pick<ClientReceipt, 'projects' | 'lookUpCalls'>,
  project: string,
  justResolved: boolean = false,
): ExpectedCalls {
  const progress = projects[project];
  const lookUps = Math.max(0, lookUpCalls - (progress?.lookedUp ?? 0));
  if (progress === undefined || progress.pins === 0) return { calls: lookUps + 1 };
  const { pins, deletions, absent = [], lookUpAgain } = progress;
  const deletionCalls = pins - deletions.length - absent.length;
  if (lookUpAgain) return { calls: lookUps + 2 * deletionCalls + 2 };
  return justResolved ? { calls: deletionCalls } : { calls: 2 * deletionCalls, inPairs: true };
}

/** Returns the credential provider that settings name. */
export function credentialProviderFor(
  name: string,
  { auth, baseUrl }: ProjectSettings,
  { readSecret, now }: Pick<ProjectContext, 'readSecret' | 'now'>,
  scopes?: string,
): CredentialProvider {
  const readKeys = apiKeyReader(name, readSecret);
  return auth === 'oauth' ? oauthCredentials(baseUrl, readKeys, now, scopes) : apiKeyCredentials(readKeys);
}

/** Returns the quota of a project from its settings. */
export function quotaFromSettings({ quotaShare, callsPerMinute, quotaPeriod }: ProjectSettings): Quota {
  return { share: quotaShare, limit: callsPerMinute, periodMs: quotaPeriod === 'hour' ? hour : minute };
}
