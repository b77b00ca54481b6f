import { type Receipt, uncountedProjects } from '../receipts/receipt.ts';
import type { ResidueCounts } from '../receipts/row-schemas.ts';
import { deleteUnneeded, type Pin, updateReceipt } from '../receipts/store.ts';
import { recordResidue } from '../receipts/transitions.ts';
import type { Services } from '../services.ts';
import { isPassing, notCounted } from '../voucherify/residue.ts';

/** How long after the last deletion is counted: Voucherify completes a deletion some seconds after its response, in milliseconds. */
const settlesMs = 60_000;

/** How long the signature waits for counts that Voucherify or the quota does not allow now, in milliseconds. */
const patienceMs = 1_800_000;

/**
 * Counts what Voucherify lists for the customers of a closed receipt, stores it and deletes the pins. Returns the receipt as it is
 * stored then; the same one if there is nothing to count; `undefined` if a later sweep must count. Throws `unavailable` if
 * the store fails.
 */
export async function countAfter(receipt: Receipt, services: Services, until: number): Promise<Receipt | undefined> {
  const projects = uncountedProjects(receipt);
  if (projects.length === 0) return receipt;
  const now = services.now();
  const deletions = Object.values(receipt.projects).flatMap(progress => progress.deletions);
  if (now < Math.max(...deletions.map(deletion => deletion.at)) + settlesMs) return undefined;
  const pins = (await services.store.readPersonalData(receipt.id))?.pins ?? {};
  const counts: Record<string, ResidueCounts> = {};
  for (const project of projects) {
    counts[project] = await countInProject(receipt, project, pins[project] ?? [], services, until);
  }
  const isWaiting = now < (receipt.nextAttemptAt ?? 0) + patienceMs;
  const codes = Object.values(counts).flatMap(count => Object.values(count).filter(one => typeof one === 'string'));
  if (isWaiting && codes.some(isPassing)) return undefined;
  const { receipt: counted, done } = await updateReceipt(
    services.store,
    receipt,
    current => recordResidue(current, counts, services.now()),
    next => deleteUnneeded(next, undefined),
  );
  return done ? counted : undefined;
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
