import { type Receipt, uncountedProjects } from '../receipts/receipt.ts';
import type { ResidueCounts } from '../receipts/row-schemas.ts';
import type { PersonalDataWithPins, Pin } from '../receipts/store.ts';
import type { Services } from '../services.ts';
import { isPassing, notCounted } from '../voucherify/counts.ts';

/** How long the signature waits for counts that Voucherify or the quota does not allow now, in milliseconds. */
const patienceMs = 1_800_000;

/** When counting must end, and since when the counts are due, in epoch milliseconds. */
interface CountTimes {
  readonly until: number;
  readonly dueAt: number;
}

/**
 * Counts what Voucherify lists for the deleted customers of a closed receipt, by project; nothing if there is nothing to
 * count. Returns `undefined` if a later sweep must count.
 */
export async function countAfter(
  receipt: Receipt,
  pins: PersonalDataWithPins['pins'],
  services: Services,
  { until, dueAt }: CountTimes,
): Promise<Readonly<Record<string, ResidueCounts>> | undefined> {
  const counts: Record<string, ResidueCounts> = {};
  for (const project of uncountedProjects(receipt)) {
    counts[project] = await countInProject(receipt, project, pins[project] ?? [], services, until);
  }
  const codes = Object.values(counts).flatMap(count => Object.values(count).filter(one => typeof one === 'string'));
  const isWaiting = services.now() < dueAt + patienceMs;
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
