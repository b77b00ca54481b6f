import { readPauses, resume } from '../../../lambda/control/pauses.ts';
import { isFinal } from '../../../lambda/receipts/receipt.ts';
import { calm, type Mix, usual } from '../support/faults.ts';
import { exceeded, type Outcome } from '../support/measures.ts';
import { redactionOf, type Unsigned } from '../support/platform-requests.ts';
import { evenDeliveries, runAndVerify, runSimulation } from '../support/run-simulation.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';

const minute = 60_000;
const hour = 60 * minute;
const scope = 'platform:ketch';

/** A platform requests a mass deletion within an hour; two hours later an operator resumes the platform. */
export async function runFlood(seed: number, count: number, perHour: number, mix: Mix = calm): Promise<Outcome> {
  const sim = openSimulation({ seed, mix, callsPerMinute: 2000, limits: { requestsPerHour: perHour }, lags: true });
  const { time, watch, stores, alarms } = sim;
  const deliveries = evenDeliveries(sim, { count, within: hour, callbacks: 1 });
  const countFinal = () => [...watch.receipts.values()].filter(({ state }) => isFinal(state)).length;
  let [finishedBeforeResume, paused] = [0, false];
  time.in(3 * hour, () => {
    finishedBeforeResume = countFinal();
    void readPauses([scope], stores.control).then(({ paused: scopes }) => {
      paused = scopes.has(scope);
      return resume(scope, { actor: 'on-call', reason: 'checked', at: time.now() }, stores.control);
    });
  });
  await runAndVerify(sim, { deliveries, oddSweeps: 0.03, longest: 30 * 24 * hour, atLeast: 3 * hour });
  const finished = countFinal();
  const inReview = [...watch.receipts.values()].filter(({ state }) => state === 'needs-review').length;
  const bounds = exceeded(
    ['requests finished before the resume', finishedBeforeResume, perHour],
    ['requests that are neither finished nor in review', count - finished - inReview, 0],
    // No operator decides here. Faults leave a few deletions that nothing can prove.
    ['requests in review', inReview, mix === calm ? 0 : count * 0.005],
  );
  return {
    violations: [...sim.truth.violations, ...bounds, ...(paused ? [] : ['the platform was not paused'])],
    accepted: watch.receipts.size,
    finishedBeforeResume,
    paused,
    alarms: alarms.filter(({ alarm }) => alarm === 'platform-paused').length,
    finished,
    inReview,
  };
}

const replaysEach = 5;

/**
 * Shopify redacts customers, who then register again under the same id. Their signed redactions are replayed with other
 * webhook ids and times. The sandbox's own log shows who was deleted.
 */
export async function runReplays(seed: number, customers: number, mix: Mix = usual): Promise<Outcome> {
  const sim = openSimulation({ seed, mix, limits: { requestsPerHour: 2 * customers }, lags: true });
  const { voucherify, watch, alarms } = sim;
  const newcomers = new Set<string>();
  const expected = Array.from({ length: customers }, (_, number) => redactAndReplay(1000 + number, sim, newcomers));
  await runSimulation(sim, { deliveries: [], oddSweeps: 0.03, longest: 24 * hour, atLeast: 4 * hour });
  const deleted = voucherify.sandbox.deletions().map(({ customerId }) => customerId);
  sim.close();
  const codes = alarms.map(({ alarm }) => alarm);
  const violations = [
    ...deleted.filter(id => newcomers.has(id)).map(id => `wrong: a replay deleted ${id}, who registered again`),
    ...expected.filter(id => !deleted.includes(id)).map(id => `lost: ${id} was never deleted`),
    ...(watch.receipts.size === customers ? [] : [`${watch.receipts.size} receipts of ${customers} redactions`]),
    ...(codes.includes('platform-paused') ? ['replays paused the platform'] : []),
    ...(codes.includes('repeated-redaction') ? [] : ['replays raised no alarm']),
  ];
  return {
    violations,
    receipts: watch.receipts.size,
    deleted: deleted.length,
    replays: customers * replaysEach,
    alarms: codes.filter(code => code === 'repeated-redaction').length,
  };
}

/** Schedules the redaction, the new registration and the replays of one customer; returns the id to erase. */
function redactAndReplay(number: number, sim: Simulation, newcomers: Set<string>): string {
  const { random, time, voucherify } = sim;
  const customer = { source_id: String(number) };
  const id = voucherify.register(customer, 'main');
  const webhookId = random.uuid();
  time.in(random.between(0, 10 * minute), () => void deliver(number, { webhookId }, sim));
  voucherify.onDeleted(gone => {
    if (gone !== id) return;
    time.in(random.between(0, 5 * minute), () => newcomers.add(voucherify.sandbox.register(customer, 'main')));
    for (let count = 0; count < replaysEach; count += 1) {
      const later = random.between(6 * minute, 2 * hour);
      time.in(later, () => void deliver(number, otherHeaders(sim), sim));
    }
  });
  return id;
}

function otherHeaders({ random, time }: Simulation): Unsigned {
  const webhookId = random.chance(0.8) ? { webhookId: random.uuid() } : {};
  return { ...webhookId, ...(random.chance(0.5) ? { triggeredAt: new Date(time.now()).toISOString() } : {}) };
}

/** Delivers a redaction until the reply is 200, as Shopify does: at most eight times. */
async function deliver(number: number, unsigned: Unsigned, { fleet, time, random }: Simulation): Promise<void> {
  for (let tries = 0; tries < 8; tries += 1) {
    const reply = await fleet.deliver(redactionOf(number, unsigned));
    if (reply?.statusCode === 200) return;
    await time.wait(random.between(minute, 5 * minute));
  }
}
