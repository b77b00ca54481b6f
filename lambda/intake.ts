import type { Parts } from './parts.ts';
import { type Pauses, pause, pausesOf, type Scope, scopesOf } from './pause.ts';
import type { Receipt } from './receipts/receipt.ts';

const hourMs = 3_600_000;
const dayMs = 86_400_000;

/**
 * Reads beside the acceptance what a first call waits for: pauses, and how the pace stands. Never throws; `undefined`
 * when the pauses cannot be told.
 */
export async function lookAround(
  platform: string,
  projects: readonly string[],
  parts: Parts,
): Promise<Pauses | undefined> {
  const looks = projects.map(project => parts.projects.get(project)?.look());
  const pauses = pausesOf(scopesOf(platform, projects), parts.control).catch(() => undefined);
  await Promise.all(looks);
  return pauses;
}

/**
 * Whether a receipt that was stored just now may be attempted: nothing that it falls under is paused, and its platform
 * has not asked for more than `requestsPerHour` in this hour of the clock. One more pauses the platform: whoever holds
 * its secret could be ordering a mass deletion, and a person must look. When it cannot be told, it may not.
 */
export async function mayProceed({ platform }: Receipt, pauses: Pauses | undefined, parts: Parts): Promise<boolean> {
  try {
    const asked = await countNow(platform, parts);
    if (pauses === undefined || pauses.paused.size > 0) return false;
    if (!(await isTooMany(asked, pauses.resumedAt(scopeOf(platform)), platform, parts))) return true;
    await pausePlatform(platform, parts);
    return false;
  } catch {
    return false;
  }
}

/** Adds one to what was counted in this hour of the clock, or in the part of it since `from`. */
function countNow(platform: string, { control, now }: Parts, from = 0): Promise<number> {
  const expiresAt = Math.ceil((now() + 2 * dayMs) / 1000);
  const part = from === 0 ? '' : `#${from}`;
  return control.count(`intake#${platform}#${hourOf(now())}${part}`, expiresAt);
}

/** A platform that a person let go within this hour is paused again only by as many requests once more. */
async function isTooMany(asked: number, resumedAt: number, platform: string, parts: Parts): Promise<boolean> {
  const letGo = hourOf(resumedAt) === hourOf(parts.now());
  const counted = letGo ? await countNow(platform, parts, resumedAt) : asked;
  return counted > parts.settings.limits.requestsPerHour;
}

function hourOf(at: number): number {
  return Math.floor(at / hourMs);
}

async function pausePlatform(platform: string, { control, log, now }: Parts): Promise<void> {
  const why = { actor: 'intake', reason: 'more requests in an hour than requestsPerHour', at: now() };
  const paused = await pause(scopeOf(platform), why, control);
  if (paused) log({ event: 'alarm', alarm: 'platform-paused', platform });
}

function scopeOf(platform: string): Scope {
  return `platform:${platform}`;
}
