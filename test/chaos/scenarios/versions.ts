import type { VersionedStore } from '../../../lambda/receipts/control.ts';
import { isFinal } from '../../../lambda/receipts/receipt.ts';
import { type Mix, wild } from '../support/faults.ts';
import { judge } from '../support/judge.ts';
import { live } from '../support/live.ts';
import { asNewerVersion, marksIn } from '../support/newer-version.ts';
import { populated } from '../support/population.ts';
import { openWorld, type World } from '../support/world.ts';

export interface VersionsNumbers {
  readonly violations: readonly string[];
  readonly receipts: number;
  /** Receipts that the newer version has touched, and those that both have. */
  readonly touchedByNewer: number;
  readonly closed: number;
}

const hour = 3_600_000;

/** Every other machine runs a newer version of the code, over the same rows; nothing that only it knows may be lost. */
export async function runVersions(seed: number, requests: number, mix: Mix = wild): Promise<VersionsNumbers> {
  const world: World = openWorld({
    seed,
    mix,
    lags: true,
    projects: ['main', 'us'],
    coldStarts: 0.3,
    seenAs: (stores, random) => {
      const judged = { ...stores, control: judgedControl(stores.control, lost => world.truth.violated(lost)) };
      return random.chance(0.5) ? asNewerVersion(judged) : judged;
    },
  });
  const within = requests * 8640;
  const deliveries = populated(world, { requests, within, duplicates: 0.1, reregistered: 0.02 });
  await live(world, { deliveries, oddSweeps: 0.05, longest: within + 30 * 24 * hour });
  await judge(world);
  judgeMarks(world);
  const { receipts } = world.watch;
  world.close();
  return {
    violations: world.truth.violations,
    receipts: receipts.size,
    touchedByNewer: [...receipts.values()].filter(receipt => marksIn(receipt) > 1).length,
    closed: [...receipts.values()].filter(({ state }) => isFinal(state)).length,
  };
}

/** A pace row that holds the mark is never written without it. */
function judgedControl(control: VersionedStore, violated: (lost: string) => void): VersionedStore {
  return {
    ...control,
    write: async (key, expected, value) => {
      const before = (await control.read([key])).get(key);
      const result = await control.write(key, expected, value);
      const isLost = result.written && marksIn(before?.value) > 1 && marksIn(value) === 1;
      if (isLost) violated(`what the newer version wrote to ${key} was lost`);
      return result;
    },
  };
}

/** A mark that stood in one version of a row stands in all that follow. */
function judgeMarks({ watch, truth }: World): void {
  for (const [uid, writes] of watch.writes) {
    let most = 1;
    for (const { receipt } of writes) {
      const marks = marksIn(receipt);
      if (marks < most) truth.violated('what the newer version wrote was lost', uid);
      most = Math.max(most, marks);
    }
  }
}
