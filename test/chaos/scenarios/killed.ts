import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { localKeys } from '../../../infra/local/embedded-secrets.ts';
import { openSandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { serveCallbacks } from '../support/callback-server.ts';
import { ketchSection } from '../support/ketch.ts';
import { judgeFolder, waitingIn } from '../support/local-files.ts';
import { localPlatform } from '../support/local-platform.ts';
import { type LocalRun, startLocalRun } from '../support/local-run.ts';
import { type Ask, newAskOf } from '../support/people.ts';
import { type Random, seeded } from '../support/random.ts';

export interface KilledNumbers {
  readonly violations: readonly string[];
  readonly kills: number;
  /** Kills during a delivery. */
  readonly killsUnderLoad: number;
  readonly deliveries: number;
  readonly toldToWait: number;
  readonly seconds: number;
}

interface KilledOptions {
  readonly seed: number;
  readonly requests: number;
  readonly kills: number;
  readonly progress?: (kills: number) => void;
}

/** `npm start` as a real process, killed under load and started again over the same files, until everything ended. */
export async function runKilled({ seed, requests, kills, progress }: KilledOptions): Promise<KilledNumbers> {
  const began = performance.now();
  const random = seeded(seed);
  const folder = mkdtempSync(join(tmpdir(), 'chaos-'));
  const callbacks = await serveCallbacks();
  writeSettings(folder, callbacks.origin);
  const asks = registered(folder, requests, random);
  let run = await started(folder, 0);
  const platform = localPlatform(() => run.url, callbacks.origin);
  let [killed, underLoad] = [0, 0];
  const again = async () => {
    underLoad += platform.underWay() > 0 ? 1 : 0;
    await run.kill();
    killed += 1;
    progress?.(killed);
    run = await started(folder, killed);
  };
  try {
    const sent = platform.sendAll(asks, 8);
    while (killed < kills) {
      await disturbed(run, random);
      await again();
    }
    await sent;
    // What a killed process had in hand is due only later: each start jumps ahead, and lives longer, so that a slow
    // machine gets to an end as well.
    while (waitingIn(folder) > 0 && killed < kills + mostMore) {
      await setTimeout(700 * (1 + killed - kills));
      if (waitingIn(folder) > 0) await again();
    }
    const code = await run.stop();
    const violations = judgeFolder(folder, asks, platform.toldOpen, callbacks.told);
    if (code !== 0) violations.push(`stopped with ${code}`);
    const seconds = (performance.now() - began) / 1000;
    const counts = { deliveries: platform.deliveries(), toldToWait: platform.toldOpen.size, seconds };
    return { violations, kills: killed, killsUnderLoad: underLoad, ...counts };
  } finally {
    await run.kill();
    await callbacks.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts that the end may take at most. */
const mostMore = 20;

/** How far the clock jumps from one start to the next, in milliseconds. */
const jumpMs = 90_000;

/** Runs for a while under load, sometimes with an outage of Voucherify. */
async function disturbed({ sandboxUrl }: LocalRun, random: Random): Promise<void> {
  if (random.chance(0.5)) await outage(sandboxUrl, random.pick(['error', 'down', 'hang']));
  await setTimeout(random.between(50, 250));
  if (random.chance(0.7)) await outage(sandboxUrl, null);
  await setTimeout(random.between(0, 250));
}

async function outage(sandboxUrl: string, mode: string | null): Promise<void> {
  await fetch(`${sandboxUrl}/sandbox/outage`, { method: 'POST', body: JSON.stringify({ mode }) });
}

function started(folder: string, starts: number): Promise<LocalRun> {
  return startLocalRun({
    SETTINGS: join(folder, 'settings.json'),
    DATA_DIR: folder,
    CLOCK: new Date(Date.now() + starts * jumpMs).toISOString(),
    SWEEP_SECONDS: '0.2',
    CLAIM_SECONDS: '1',
    BACKOFF_SECONDS: '0.2',
  });
}

function writeSettings(folder: string, origin: string): void {
  const settings = {
    projects: { main: { baseUrl: 'https://api.voucherify.io', callsPerMinute: 1_000_000 } },
    platforms: { ketch: { ...ketchSection, callbackOrigins: [origin] } },
    limits: { requestsPerHour: 1_000_000, answerBudgetMs: 1000 },
  };
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings));
}

/** The people of all requests, in the sandbox's file before anything is started. */
function registered(folder: string, requests: number, random: Random): readonly Ask[] {
  const sandbox = openSandbox({
    file: join(folder, 'sandbox.sqlite'),
    now: Date.now,
    keys: [{ project: 'main', ...localKeys('main') }],
  });
  const town = {
    projects: ['main'] as const,
    random,
    register: (customer: object, project: string) =>
      sandbox.register({ created_at: '2025-01-01T00:00:00.000Z', ...customer }, project),
    softDelete: sandbox.softDelete,
  };
  const asks = Array.from({ length: requests }, (_, number) => newAskOf('source', number, Date.now(), town));
  sandbox.close();
  return asks;
}
