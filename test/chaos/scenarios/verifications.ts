import { calm, usual } from '../support/faults.ts';
import { exceeded, type Outcome } from '../support/measures.ts';
import { evenDeliveries, runSimulation } from '../support/run-simulation.ts';
import { openSimulation } from '../support/simulation.ts';
import { verify } from '../support/verify.ts';

const minute = 60_000;
const hour = 60 * minute;

/** The outages end after six hours, and two looks are at most an hour apart. */
const latest = 7.5 * hour;

/**
 * Voucherify returns each customer for some time after the deletion, and fails for half of every ten minutes after the
 * requests; the machines crash and the stores fail. Everybody must be verified as what they are: absent only once Voucherify
 * no longer returns them, and still present, with an alarm, only after an hour, also if every callback fails meanwhile.
 */
export async function runVerifications(
  seed: number,
  count: number,
  { shownMs, callbacksDownMs = 0 }: { readonly shownMs: number; readonly callbacksDownMs?: number },
): Promise<Outcome> {
  const mix = { ...usual, voucherify: calm.voucherify };
  const sim = openSimulation({ seed, mix, callsPerMinute: 6000, shownMs });
  const within = count * 100;
  // After a crash a customer may be deleted twice; Voucherify shows them for a time after the first deletion.
  const deleted = new Set<string>();
  const shownUntil = new Map<string, number>();
  sim.voucherify.onDeleted(id => {
    if (deleted.has(id)) return;
    deleted.add(id);
    for (const { uid } of sim.truth.requestsFor(id)) shownUntil.set(uid, sim.time.now() + shownMs);
  });
  const deliveries = evenDeliveries(sim, { count, within });
  for (let at = within + 2 * minute; at < 6 * hour; at += 10 * minute) {
    sim.time.in(at, () => sim.voucherify.sandbox.outage('error'));
    sim.time.in(at + 5 * minute, () => sim.voucherify.sandbox.outage(undefined));
  }
  sim.receiver.down(callbacksDownMs > 0);
  sim.time.in(callbacksDownMs, () => sim.receiver.down(false));
  await runSimulation(sim, {
    deliveries,
    oddSweeps: 0.1,
    atLeast: 3 * hour,
    afterwards: hour,
    longest: 30 * 24 * hour,
  });
  await verify(sim);
  const { truth, watch, alarms } = sim;
  const alarmed = new Set(alarms.filter(one => one.alarm === 'erased-person-still-present').map(one => one.receipt));
  const counts = { absent: 0, stillPresent: 0, unavailable: 0 };
  for (const { id, reference, projects, verification } of watch.receipts.values()) {
    const { result, at = 0 } = verification ?? {};
    if (result === undefined) continue;
    counts[result] += 1;
    const times = Object.values(projects).flatMap(({ deletions }) => deletions.map(deletion => deletion.at));
    const age = at - Math.min(...times);
    const isShown = at < (shownUntil.get(reference ?? '') ?? 0);
    if (result === 'absent' && isShown) truth.violated('called absent while it is shown', reference);
    if (result === 'stillPresent' && (age < hour || age >= shownMs)) truth.violated('called still present', reference);
    if (age > latest) truth.violated('verified too late', reference);
    if ((result === 'stillPresent') !== alarmed.has(id)) truth.violated('alarm and verification differ', reference);
  }
  sim.close();
  const bounds = exceeded(['verifications without a result', counts.unavailable, 0]);
  // After a crash, a customer that is still shown is rightly deleted once more.
  const violations = truth.violations.filter(one => !one.includes(' was deleted twice'));
  return { ...counts, violations: [...violations, ...bounds] };
}
