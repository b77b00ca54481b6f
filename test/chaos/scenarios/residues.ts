import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { calm, type Mix, wild } from '../support/faults.ts';
import { exceeded, mostInWindow, type Outcome } from '../support/measures.ts';
import { registryOf } from '../support/population.ts';
import { type CustomerKind, type Delivery, newRequestOf } from '../support/requests.ts';
import { runSimulation } from '../support/run-simulation.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import { verify } from '../support/verify.ts';
import { uidOf } from '../support/watched-store.ts';

const minute = 60_000;
const hour = 60 * minute;

const kinds = ['redemptions', 'publications', 'vouchers', 'memberships'] as const;
type Kind = (typeof kinds)[number];

/** The records of one customer, and the kinds that stay after the deletion. */
interface Records {
  readonly counts: Readonly<Record<Kind, number>>;
  readonly staying: readonly Exclude<Kind, 'memberships'>[];
}

/**
 * Voucherify lists records for each customer, and keeps some of them after the deletion. A stored number must be what it
 * listed at that time, never a 0 for what could not be counted; each deletion must have its counts or their reasons.
 */
export async function runResidues(seed: number, count: number, mix: Mix): Promise<Outcome> {
  const sim = openSimulation({ seed, mix, callsPerMinute: 60_000, residue: true, limits: { delaySeconds: 1 } });
  const { deliveries, records } = requestsWithRecords(sim, count, count * 500, ['source', 'email', 'several']);
  await runSimulation(sim, { deliveries, oddSweeps: 0.03, atLeast: 2 * hour, longest: 30 * 24 * hour });
  await verify(sim);
  const counted = verifyCounts(sim, records);
  sim.close();
  // Numbers must be frequent. With all faults, about half of the counts fail for as long as they are tried.
  const most = counted.projects * (mix === wild ? 0.6 : 0.3);
  const few = exceeded(['deletions without a number', counted.uncounted, most]);
  return { ...counted, violations: [...sim.truth.violations, ...few] };
}

/**
 * All requests come at once, and the quota permits few calls. Counts must give way: the last erasure ends
 * at most 1 % and ten seconds later than without counts, and all calls stay within the share of the shop's quota.
 */
export async function runResiduesInBacklog(seed: number, count: number): Promise<Outcome> {
  const [without, counting] = [await backlogMs(seed, count, false), await backlogMs(seed, count, true)];
  const bounds = exceeded(
    ['closed, compared with the run that counts nothing', (counting.closedMs - spareMs) / without.closedMs, 1.01],
    ['calls in a minute', counting.mostCalls, callsPerMinute / 2],
  );
  return { ...counting, withoutMs: without.closedMs, violations: [...counting.violations, ...bounds] };
}

const callsPerMinute = 100;

/** How long the sweep may wait for its last calls because of counts, in milliseconds. */
const spareMs = 10_000;

async function backlogMs(seed: number, count: number, residue: boolean) {
  const limits = { delaySeconds: 1 };
  const sim = openSimulation({ seed, mix: calm, callsPerMinute, residue, limits });
  const { deliveries } = requestsWithRecords(sim, count, 1000, ['source']);
  await runSimulation(sim, { deliveries, oddSweeps: 0, longest: 30 * 24 * hour });
  await verify(sim);
  const closedMs = Math.max(...[...sim.watch.receipts.values()].map(({ closedAt = 0 }) => closedAt)) - sim.start;
  const mostCalls = mostInWindow(sim.voucherify.sent, 'main', minute);
  sim.close();
  return { closedMs, mostCalls, violations: sim.truth.violations };
}

function requestsWithRecords(
  sim: Simulation,
  count: number,
  within: number,
  found: readonly [CustomerKind, ...CustomerKind[]],
) {
  const registry = registryOf(sim);
  const records = new Map<string, Records>();
  const register: typeof registry.register = (customer, project) => {
    const some = randomRecords(sim);
    const id = registry.register({ ...customer, ...some.counts, staying: [...some.staying] }, project);
    records.set(id, some);
    return id;
  };
  const deliveries = Array.from({ length: count }, (_, number): Delivery => {
    const at = (number * within) / count;
    const request = newRequestOf(sim.random.pick(found), number, sim.start + at, { ...registry, register });
    sim.truth.add(request);
    return [at, request];
  });
  return { deliveries, records };
}

function randomRecords({ random }: Simulation): Records {
  const counts = { redemptions: 0, publications: 0, vouchers: 0, memberships: 0 };
  for (const kind of kinds) counts[kind] = random.below(4);
  const staying = (['redemptions', 'publications', 'vouchers'] as const).filter(() => random.chance(0.5));
  return { counts, staying };
}

function verifyCounts(sim: Simulation, records: ReadonlyMap<string, Records>) {
  const counted = { projects: 0, numbersBefore: 0, numbersAfter: 0, uncounted: 0 };
  // Only of closed receipts: one in review may have deleted only some of the customers.
  for (const receipt of [...sim.watch.receipts.values()].filter(({ state }) => isFinal(state))) {
    const customers = sim.truth.requests.get(uidOf(receipt))?.customers ?? [];
    const known = customers.flatMap(({ id }) => records.get(id) ?? []);
    for (const progress of Object.values(receipt.projects)) {
      if (progress.deletions.length === 0) continue;
      const { before, after } = verifyProject(sim, receipt, progress, known);
      counted.projects += 1;
      counted.numbersBefore += before;
      counted.numbersAfter += after;
      if (before + after === 0) counted.uncounted += 1;
    }
  }
  return counted;
}

/** Returns how many kinds have a number. Redemptions of a deleted customer without any are an empty object. */
function verifyProject(
  { truth }: Simulation,
  receipt: Receipt,
  { residue }: Receipt['projects'][string],
  known: readonly Records[],
) {
  const uid = uidOf(receipt);
  let [before, after] = [0, 0];
  for (const kind of kinds) {
    const sum = (of: (one: Records) => number) => known.reduce((total, one) => total + of(one), 0);
    const [was, is] = [residue?.before[kind], residue?.after?.[kind]];
    const stayed = sum(({ counts, staying }) => (staying.some(one => one === kind) ? counts[kind] : 0));
    if (was === undefined || is === undefined) truth.violated(`${kind} have neither a count nor a reason`, uid);
    if (typeof was === 'number' && was !== sum(({ counts }) => counts[kind]))
      truth.violated(`${was} ${kind} before`, uid);
    if (typeof is === 'number' && is !== stayed) truth.violated(`${is} ${kind} after`, uid);
    const isListed = kind !== 'redemptions' || known.every(({ staying }) => staying.includes('redemptions'));
    const cannotBe = kind === 'memberships' || !isListed;
    if (typeof is === 'number' && cannotBe) truth.violated(`${is} ${kind} where none can be counted`, uid);
    if (typeof was === 'number') before += 1;
    if (typeof is === 'number') after += 1;
  }
  return { before, after };
}
