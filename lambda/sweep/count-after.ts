import { type Receipt, uncountedProjects } from '../receipts/receipt.ts';
import type { ResidueCounts } from '../receipts/row-schemas.ts';
import type { Pin } from '../receipts/store.ts';
import type { Services } from '../services.ts';
import { isPassing, notCounted } from '../voucherify/residue.ts';

/** How long after the last deletion is counted: Voucherify completes a deletion some seconds after its response, in milliseconds. */
const settlesMs = 60_000;

/** How long the signature waits for counts that Voucherify or the quota does not allow now, in milliseconds. */
const patienceMs = 1_800_000;

/**
 * Counts what Voucherify lists for the deleted customers of a closed receipt, by project; nothing if there is nothing to
 * count. Returns `undefined` if a later sweep must count. Throws `unavailable` if the store fails.
 */
export async function countAfter(
  receipt: Receipt,
  services: Services,
  until: number,
): Promise<Readonly<Record<string, ResidueCounts>> | undefined> {
  const projects = uncountedProjects(receipt);
  if (projects.length === 0) return {};
  const now = services.now();
  const deletions = Object.values(receipt.projects).flatMap(progress => progress.deletions);
  if (now < Math.max(...deletions.map(deletion => deletion.at)) + settlesMs) return undefined;
  const pins = await services.store.readPins(receipt.id);
  const counts: Record<string, ResidueCounts> = {};
  for (const project of projects) {
    counts[project] = await countInProject(receipt, project, pins[project] ?? [], services, until);
  }
  const codes = Object.values(counts).flatMap(count => Object.values(count).filter(one => typeof one === 'string'));
  const isWaiting = now < (receipt.nextAttemptAt ?? 0) + patienceMs;
  return isWaiting && codes.some(isPassing) ? undefined : counts;
}

async function countInProject(
  receipt: Receipt,
  project: string,
  pins: readonly Pin[],
  services: Services,
  until: number,
): Promise<ResidueCounts> {
  const client = services.projects.get(project)?.client(receipt, false);
  if (client?.countResidue === undefined) return notCounted('not-in-settings');
  if (pins.length === 0) return notCounted('pins-missing');
  return client.countResidue(
    pins.map(pin => pin.customerId),
    until,
  );
}
