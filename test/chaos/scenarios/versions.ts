import type { ControlWrite, VersionedStore } from '../../../lambda/control/versioned-store.ts';
import { isFinal } from '../../../lambda/receipts/receipt.ts';
import { type Mix, wild } from '../support/faults.ts';
import type { Outcome } from '../support/measures.ts';
import { schedulePopulation } from '../support/population.ts';
import { runAndVerify } from '../support/run-simulation.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import { asNewerVersion, marksIn } from '../support/store-variants.ts';

const hour = 3_600_000;

/** Half of the machines run a newer version of the code on the same rows: no older one may drop its fields. */
export async function runVersions(seed: number, requests: number, mix: Mix = wild): Promise<Outcome> {
  const sim: Simulation = openSimulation({
    seed,
    mix,
    lags: true,
    projects: ['main', 'us'],
    coldStarts: 0.3,
    wrapStores: (stores, random) => {
      const verified = { ...stores, control: verifiedControl(stores.control, what => sim.truth.violated(what)) };
      return random.chance(0.5) ? asNewerVersion(verified) : verified;
    },
  });
  const within = requests * 8640;
  const deliveries = schedulePopulation(sim, { requests, within, duplicates: 0.1, reregistered: 0.02 });
  await runAndVerify(sim, { deliveries, oddSweeps: 0.05, longest: within + 30 * 24 * hour });
  verifyMarks(sim);
  const { receipts } = sim.watch;
  return {
    violations: sim.truth.violations,
    receipts: receipts.size,
    touchedByNewer: [...receipts.values()].filter(receipt => marksIn(receipt) > 1).length,
    closed: [...receipts.values()].filter(({ state }) => isFinal(state)).length,
  };
}

/** Reports a violation if a control row that contains the mark is written without it. */
function verifiedControl(control: VersionedStore, violated: (what: string) => void): VersionedStore {
  const verified = async (key: string, value: unknown, write: () => Promise<ControlWrite>): Promise<ControlWrite> => {
    const before = (await control.read([key])).get(key);
    const result = await write();
    const isLost = result.written && value !== undefined && marksIn(before?.value) > 1 && marksIn(value) === 1;
    if (isLost) violated(`fields of the newer version were dropped from ${key}`);
    return result;
  };
  return {
    ...control,
    write: (key, expected, value) => verified(key, value, () => control.write(key, expected, value)),
    advance: (key, expected, step) => verified(key, step.value, () => control.advance(key, expected, step)),
  };
}

/** Checks that the marks in one version of a row are in all later ones. */
function verifyMarks({ watch, truth }: Simulation): void {
  for (const [uid, writes] of watch.writes) {
    let most = 1;
    for (const { receipt } of writes) {
      const marks = marksIn(receipt);
      if (marks < most) truth.violated('fields of the newer version were dropped', uid);
      most = Math.max(most, marks);
    }
  }
}
