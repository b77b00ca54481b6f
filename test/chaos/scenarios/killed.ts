import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { localKeys } from '../../../infra/local/embedded-secrets.ts';
import { openSandbox } from '../../../infra/local/sandbox/sandbox.ts';
import {
  type LocalRun,
  localPlatform,
  serveCallbacks,
  startLocalRun,
  unrecordedClaimsIn,
  verifyFolder,
  waitingIn,
} from '../support/local-run.ts';
import type { Outcome } from '../support/measures.ts';
import { ketchSection } from '../support/platform-requests.ts';
import { type Random, seeded } from '../support/random.ts';
import { newRequestOf, type TestRequest } from '../support/requests.ts';

/** Runs `npm start` as a real process, kills it under load and restarts it on the same files until every receipt is done. */
export async function runKilled(seed: number, count: number): Promise<Outcome> {
  const kills = count < 1000 ? 2 : 25;
  const began = performance.now();
  const random = seeded(seed);
  const folder = mkdtempSync(join(tmpdir(), 'chaos-'));
  const callbacks = await serveCallbacks();
  writeSettings(folder, callbacks.origin);
  const requests = registered(folder, count, random);
  let run = await started(folder, 0);
  const platform = localPlatform(() => run.url, callbacks.origin);
  let [killed, underLoad] = [0, 0];
  const killAndRestart = async () => {
    await untilRecorded(folder, run);
    underLoad += platform.inFlight() > 0 ? 1 : 0;
    await run.kill();
    killed += 1;
    run = await started(folder, killed);
  };
  try {
    const sent = platform.sendAll(requests, 8);
    while (killed < kills) {
      await disturbed(run, random);
      await killAndRestart();
    }
    await sent;
    // A receipt that a killed process had claimed is due later. Each start moves the clock forward and runs longer, so that
    // a slow machine completes too.
    while (waitingIn(folder) > 0 && killed < kills + maxMore) {
      await setTimeout(700 * (1 + killed - kills));
      if (waitingIn(folder) > 0) await killAndRestart();
    }
    const code = await run.stop();
    const violations = verifyFolder(folder, requests, platform.gotInProgress, callbacks.received);
    if (code !== 0) violations.push(`stopped with ${code}`);
    const seconds = (performance.now() - began) / 1000;
    const counts = { deliveries: platform.deliveries(), inProgress: platform.gotInProgress.size, seconds };
    return { violations, kills: killed, killsUnderLoad: underLoad, ...counts };
  } finally {
    await run.kill();
    await callbacks.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * After five claims without a result, a receipt needs review. The receipts that have waited longest are claimed first after
 * every start, so a kill soon after each of five starts would end there, rightly: the next kill waits for those with four.
 */
const mostClaims = 4;

async function untilRecorded(folder: string, { sandboxUrl }: LocalRun): Promise<void> {
  if (unrecordedClaimsIn(folder) < mostClaims) return;
  await outage(sandboxUrl, null);
  while (unrecordedClaimsIn(folder) >= mostClaims) await setTimeout(50);
}

/** Maximum number of restarts after the last kill under load. */
const maxMore = 20;

/** How far each start moves the clock forward, in milliseconds. */
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

/** Registers the customers of all requests in the sandbox's file, before the first start. */
function registered(folder: string, count: number, random: Random): readonly TestRequest[] {
  const sandbox = openSandbox({
    file: join(folder, 'sandbox.sqlite'),
    now: Date.now,
    keys: [{ project: 'main', ...localKeys('main') }],
  });
  const registry = {
    projects: ['main'] as const,
    random,
    register: (customer: object, project: string) =>
      sandbox.register({ created_at: '2025-01-01T00:00:00.000Z', ...customer }, project),
    softDelete: sandbox.softDelete,
  };
  const requests = Array.from({ length: count }, (_, number) => newRequestOf('source', number, Date.now(), registry));
  sandbox.close();
  return requests;
}
