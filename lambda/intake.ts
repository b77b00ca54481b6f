import type { Services } from './parts.ts';
import { type PauseScope, type Pauses, pause, readPauses, scopesOf } from './pause.ts';
import type { Receipt } from './receipts/receipt.ts';

const hourMs = 3_600_000;
const dayMs = 86_400_000;

/**
 * Reads beside the acceptance what a first call waits for: pauses, and how the pace stands. Never throws; `undefined`
 * when the pauses cannot be told.
 */
export async function prefetchLimits(
  platform: string,
  projects: readonly string[],
  services: Services,
): Promise<Pauses | undefined> {
  const looks = projects.map(project => services.projects.get(project)?.prefetchRateLimit());
  const pauses = readPauses(scopesOf(platform, projects), services.control).catch(() => undefined);
  await Promise.all(looks);
  return pauses;
}

/**
 * Whether a receipt that was stored just now may be attempted: nothing that it falls under is paused, and its platform
 * has not asked for more than `requestsPerHour` in this hour of the clock. One more pauses the platform: whoever holds
 * its secret could be ordering a mass deletion, and a person must look. When it cannot be told, it may not.
 */
export async function isWithinLimit(
  { platform }: Receipt,
  pauses: Pauses | undefined,
  services: Services,
): Promise<boolean> {
  try {
    const asked = await countRequest(platform, services);
    if (pauses === undefined || pauses.paused.size > 0) return false;
    if (!(await exceedsLimit(asked, pauses.resumedAt(platformScope(platform)), platform, services))) return true;
    await pausePlatform(platform, services);
    return false;
  } catch {
    return false;
  }
}

/** Adds one to what was counted in this hour of the clock, or in the part of it since `from`. */
function countRequest(platform: string, { control, now }: Services, from = 0): Promise<number> {
  const expiresAt = Math.ceil((now() + 2 * dayMs) / 1000);
  const part = from === 0 ? '' : `#${from}`;
  return control.count(`request-count#${platform}#${hourOf(now())}${part}`, expiresAt);
}

/** A platform that a person let go within this hour is paused again only by as many requests once more. */
async function exceedsLimit(asked: number, resumedAt: number, platform: string, services: Services): Promise<boolean> {
  const letGo = hourOf(resumedAt) === hourOf(services.now());
  const counted = letGo ? await countRequest(platform, services, resumedAt) : asked;
  return counted > services.settings.limits.requestsPerHour;
}

function hourOf(at: number): number {
  return Math.floor(at / hourMs);
}

async function pausePlatform(platform: string, { control, log, now }: Services): Promise<void> {
  const why = { actor: 'request-limit', reason: 'more requests in an hour than requestsPerHour', at: now() };
  const paused = await pause(platformScope(platform), why, control);
  if (paused) log({ event: 'alarm', alarm: 'platform-paused', platform });
}

function platformScope(platform: string): PauseScope {
  return `platform:${platform}`;
}
