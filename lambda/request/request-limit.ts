import { readHoldsExist } from '../control/legal-holds.ts';
import { type PauseScope, type Pauses, pause, readPauses, scopesOf } from '../control/pauses.ts';
import type { Receipt } from '../receipts/receipt.ts';
import type { Services } from '../services.ts';

const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** Reads the pauses that may cover a receipt. Never throws. Returns `undefined` if they are unavailable. */
export function readPausesFor({ platform, projects }: Receipt, { control }: Services): Promise<Pauses | undefined> {
  return readPauses(scopesOf(platform, Object.keys(projects)), control).catch(() => undefined);
}

/**
 * Returns whether any legal hold exists. Called in the same turn as {@link readPausesFor}, it costs no call of its own. Never
 * throws: if the answer is unavailable, holds are read before each deletion.
 */
export function readHoldsExistFor({ control, now }: Services): Promise<boolean> {
  return readHoldsExist(control, now()).catch(() => true);
}

/**
 * Counts a new receipt and returns whether it may be attempted now: no pause covers it, and its platform has not sent more
 * than `requestsPerHour` in this clock hour. One request more pauses the platform: its secret may be in the wrong hands,
 * and an operator must check before a mass deletion. Fails closed if the store is unavailable.
 */
export async function isWithinLimit(
  { platform }: Receipt,
  pauses: Pauses | undefined,
  services: Services,
): Promise<boolean> {
  const scope: PauseScope = `platform:${platform}`;
  const { control, log } = services;
  const now = services.now();
  try {
    const inThisHour = await countRequest(platform, now, control);
    if (pauses === undefined || pauses.paused.size > 0) return false;
    // After an operator resumed the platform in this hour, only the requests since then count.
    const resumedAt = pauses.resumedAt(scope);
    const count =
      hourOf(resumedAt) === hourOf(now) ? await countRequest(platform, now, control, resumedAt) : inThisHour;
    if (count <= services.settings.limits.requestsPerHour) return true;
    const why = { actor: 'request-limit', reason: 'more requests in an hour than requestsPerHour', at: now };
    if (await pause(scope, why, control)) log({ event: 'alarm', alarm: 'platform-paused', platform });
    return false;
  } catch {
    return false;
  }
}

/** Counts one request and returns the count of this clock hour, or of the part of it since `from`. */
function countRequest(platform: string, now: number, control: Services['control'], from = 0): Promise<number> {
  const expiresAt = Math.ceil((now + 2 * dayMs) / 1000);
  const part = from === 0 ? '' : `#${from}`;
  return control.count(`request-count#${platform}#${hourOf(now)}${part}`, expiresAt);
}

/**
 * Counts a message that asked nothing of this service, by day: `ops report` shows the sum. Logs it too. Never throws: the
 * platform gets its reply even if the count cannot be stored.
 */
export async function countIgnored(platform: string, { control, log, now }: Services): Promise<void> {
  log({ event: 'ignored', platform });
  const at = now();
  await control.count(ignoredKey(platform, at), Math.ceil((at + ignoredKeptMs) / 1000)).catch(() => undefined);
}

/** As long as receipts are kept: 25 months. */
const ignoredKeptMs = 25 * 31 * dayMs;

/** Returns the key of the counter of ignored messages on the day of a time (epoch ms, UTC). */
export function ignoredKey(platform: string, at: number): string {
  return `ignored-count#${platform}#${new Date(at).toISOString().slice(0, 10)}`;
}

function hourOf(at: number): number {
  return Math.floor(at / hourMs);
}
