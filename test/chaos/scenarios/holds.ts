import { releaseLegalHold, setLegalHold } from '../../../lambda/control/legal-holds.ts';
import type { Identifier } from '../../../lambda/domain/identifiers.ts';
import { createPseudonymizer } from '../../../lambda/receipts/hmac.ts';
import type { Mix } from '../support/faults.ts';
import { exceeded, type Outcome } from '../support/measures.ts';
import { registryOf } from '../support/population.ts';
import { type Delivery, newRequestOf, type RegisteredCustomer, type TestRequest } from '../support/requests.ts';
import { runSimulation } from '../support/run-simulation.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import { verify } from '../support/verify.ts';

const [minute, hour] = [60_000, 3_600_000];

/** A hold that an operator sets, by one identifier of a customer. */
interface SetHold {
  readonly id: string;
  readonly customer: RegisteredCustomer;
  readonly uid: string;
  readonly from: number;
  /** When it is released, or ends by itself. */
  readonly to: number;
}

/**
 * An operator sets a hold on one customer of every request, before, during or after the erasure, and releases it hours later,
 * or its time ends. Deletions fail for a while, so that many holds are set between two attempts. No customer may be
 * deleted while its hold is in effect, and every request must end when its hold has.
 */
export async function runHolds(seed: number, count: number, mix: Mix): Promise<Outcome> {
  const sim = openSimulation({ seed, mix, callsPerMinute: 6000 });
  const within = count * 1000;
  const deliveries = holdableRequests(sim, count, within);
  const holds = scheduleHolds(sim, deliveries);
  const prevented = watchDeletions(sim, holds);
  simulateDenials(sim, within);
  const longest = within + 30 * 24 * hour;
  await runSimulation(sim, { deliveries, oddSweeps: 0.03, atLeast: within + 9 * hour, longest });
  await verify(sim);
  const receipts = [...sim.watch.receipts.values()];
  const held = receipts.filter(({ legalHolds = [] }) => legalHolds.length > 0).length;
  const pinned = receipts.filter(isHeldWithPins).length;
  sim.close();
  const few = exceeded(['requests without a hold', count - held, count * 0.8]);
  return { holds: holds.length, held, pinned, ...prevented(), violations: [...sim.truth.violations, ...few] };
}

/** Requests by source_id, by e-mail address with up to three customers, and by customer id. */
function holdableRequests(sim: Simulation, count: number, within: number): readonly Delivery[] {
  const registry = registryOf(sim);
  const kinds = ['source', 'email', 'several', 'customer'] as const;
  return Array.from({ length: count }, (_, number): Delivery => {
    const at = (number * within) / count;
    const request = newRequestOf(sim.random.pick(kinds), number, sim.start + at, registry);
    sim.truth.add(request);
    return [at, request];
  });
}

/** Times after the request: before the attempt, within it, between two attempts, and after the erasure. */
const pauses = [-5000, 0, 60, 150, 300, 600, 1500, 20_000, 2 * minute] as const;

function scheduleHolds(sim: Simulation, deliveries: readonly Delivery[]): readonly SetHold[] {
  const { random, time, stores, secrets } = sim;
  const { subject } = createPseudonymizer(secrets['erasure/pepper'] ?? '');
  const holds: SetHold[] = [];
  const set = async (request: TestRequest, customer: RegisteredCustomer) => {
    const identifier = random.pick(identifiersOf(customer));
    const [id, at] = [subject(identifier), time.now()];
    const until = at + random.between(hour, 6 * hour);
    const decision = { actor: 'operator', reason: 'a lawsuit', at };
    const { sureAt } = await setLegalHold({ id, kind: identifier.kind, until, ...decision }, stores.control);
    const isReleased = random.chance(0.5);
    const to = isReleased ? at + (until - at) / 2 : until;
    holds.push({ id, customer, uid: request.uid, from: Math.max(time.now(), sureAt), to });
    sim.truth.note(request.uid, `a hold by ${identifier.kind} is set`);
    if (!isReleased) return;
    time.in(to - time.now(), () => void releaseLegalHold(id, { ...decision, at: time.now() }, stores.control));
  };
  for (const [at, request] of deliveries) {
    const customer = request.customers[random.below(request.customers.length)];
    if (customer === undefined) continue;
    time.in(Math.max(0, at + random.pick(pauses)), () => void set(request, customer));
  }
  return holds;
}

function identifiersOf({
  id,
  customer: { source_id, email },
}: RegisteredCustomer): readonly [Identifier, ...Identifier[]] {
  return [
    { kind: 'customer_id', value: id },
    ...(source_id === undefined || source_id === null ? [] : [{ kind: 'source_id', value: source_id } as const]),
    ...(email === undefined || email === null ? [] : [{ kind: 'email', value: email } as const]),
  ];
}

/** Longest time from the read of the holds to the arrival of the deletion after it, with injected delays. */
const flightMs = 15_000;

/** Watches deletions of held customers; returns the number of customers that were deleted after their hold had ended. */
function watchDeletions({ voucherify, time, truth }: Simulation, holds: readonly SetHold[]) {
  let deletedLater = 0;
  voucherify.onDeleted(deleted => {
    const now = time.now();
    for (const { customer, from, to, uid } of holds) {
      if (customer.id !== deleted) continue;
      if (now > from + flightMs && now < to) truth.violated('wrong: deleted under a legal hold', uid);
      if (now >= to) deletedLater += 1;
    }
  });
  return () => ({ deletedLater });
}

/** For a few minutes from time to time, connections to Voucherify end: attempts stop between two calls. */
function simulateDenials({ voucherify, time }: Simulation, within: number): void {
  for (let at = 20_000; at < within; at += 60_000) {
    time.in(at, () => voucherify.down('main', true));
    time.in(at + 15_000, () => voucherify.down('main', false));
  }
}

function isHeldWithPins({ legalHolds = [], projects }: { legalHolds?: readonly unknown[]; projects: object }): boolean {
  const pins = Object.values(projects).some(project => project.pins > 0 && project.mayHaveExecuted);
  return legalHolds.length > 0 && pins;
}
