import type { GatewayEvent } from '../../../lambda/aws/api-gateway.ts';
import type { Mix } from '../support/faults.ts';
import { exceeded, type Outcome } from '../support/measures.ts';
import { withdrawableEvents } from '../support/platform-requests.ts';
import { registryOf } from '../support/population.ts';
import { newRequestOf, type TestRequest } from '../support/requests.ts';
import { runSimulation } from '../support/run-simulation.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import { verify } from '../support/verify.ts';
import { uidOf } from '../support/watched-store.ts';

const minute = 60_000;
const hour = 60 * minute;

/** What the platform was told about the withdrawal of a request. */
interface Withdrawal {
  readonly request: TestRequest;
  reply?: 'withdrawn' | 'as it stands';
}

/**
 * A platform withdraws each request once, before, during or after its first attempt, which every second one delays. Once it is told
 * that a request is withdrawn, no customer of it may have been deleted or ever be, and it must end as refused. Told
 * anything else, it must end as any other request.
 */
export async function runWithdrawals(seed: number, count: number, mix: Mix): Promise<Outcome> {
  const sim = openSimulation({ seed, mix, callsPerMinute: 6000 });
  const within = count * 1000;
  const withdrawals = scheduleAll(sim, count, within);
  const longest = within + 30 * 24 * hour;
  await runSimulation(sim, { deliveries: [], oddSweeps: 0.03, atLeast: within + 5 * hour, longest });
  await verify(sim);
  const counts = verifyReplies(sim, withdrawals);
  sim.close();
  // Both cases must be frequent.
  const few = exceeded(
    ['requests that were not withdrawn', count - counts.withdrawn, count * 0.8],
    ['requests that were withdrawn', counts.withdrawn, count * 0.8],
  );
  return { ...counts, violations: [...sim.truth.violations, ...few] };
}

/**
 * Times after the request: before and within the first attempt, before and after the delay ends, and later, when attempts
 * that failed have been repeated.
 */
const pauses = [0, 40, 80, 150, 300, 600, 20_000, 119_000, 150_000, 10 * minute, hour, 2 * hour, 3 * hour] as const;

function scheduleAll(sim: Simulation, count: number, within: number): readonly Withdrawal[] {
  const { random, time, truth, start } = sim;
  const registry = registryOf(sim);
  return Array.from({ length: count }, (_, number) => {
    const at = (number * within) / count;
    const kind = random.pick(['source', 'email', 'several', 'no-match'] as const);
    const request = { ...newRequestOf(kind, number, start + at, registry), callbacks: 0 };
    const withdrawal: Withdrawal = { request };
    const events = withdrawableEvents(random.pick(['prompt', 'delayed']), request);
    const pause = random.pick(pauses);
    truth.add(request);
    time.in(at, () => void deliver(events.request, sim));
    time.in(at + pause, () => void withdraw(withdrawal, events.withdrawal, sim));
    return withdrawal;
  });
}

/** Delivers a message until there is a reply that is not an error of the server; returns it. */
async function deliver(event: GatewayEvent, { fleet, time, random }: Simulation) {
  for (let tries = 0; tries < 20; tries += 1) {
    const reply = await fleet.deliver(event);
    if (reply !== undefined && reply.statusCode < 500) return reply;
    await time.wait(random.between(1000, minute));
  }
  return undefined;
}

async function withdraw(withdrawal: Withdrawal, event: GatewayEvent, sim: Simulation): Promise<void> {
  const { truth, time } = sim;
  const { uid, customers } = withdrawal.request;
  truth.refused(uid);
  truth.note(uid, 'the platform withdraws it');
  let reply = await deliver(event, sim);
  // Overtook the request: the platform sends it again.
  while (reply?.statusCode === 404) {
    await time.wait(minute);
    reply = await deliver(event, sim);
  }
  withdrawal.reply = reply?.body.includes('withdrawn') ? 'withdrawn' : 'as it stands';
  truth.note(uid, `reply: ${withdrawal.reply}`);
  if (withdrawal.reply === 'withdrawn' && customers.some(({ id }) => truth.isGone(id)))
    truth.violated('told withdrawn, but a customer is deleted', uid);
}

function verifyReplies({ truth, watch }: Simulation, withdrawals: readonly Withdrawal[]) {
  const byUid = new Map([...watch.receipts.values()].map(receipt => [uidOf(receipt), receipt] as const));
  const counts = { withdrawn: 0, stood: 0, erased: 0 };
  for (const { request, reply } of withdrawals) {
    const { uid, customers } = request;
    const receipt = byUid.get(uid);
    const isDeleted = customers.some(({ id }) => truth.isGone(id));
    const hasPins = Object.values(receipt?.projects ?? {}).some(({ pins }) => pins > 0);
    if (reply === 'withdrawn') {
      counts.withdrawn += 1;
      if (isDeleted) truth.violated('wrong: deleted although it was withdrawn', uid);
      if (receipt?.state !== 'refused' || receipt.reason !== 'withdrawn') truth.violated('told withdrawn', uid);
    } else counts.stood += 1;
    if (receipt?.state === 'refused' && hasPins) truth.violated('withdrawn after a customer was pinned', uid);
    if (reply === 'as it stands' && receipt?.state === 'refused')
      truth.violated('withdrawn, but the platform was not told', uid);
    if (receipt?.state === 'erased') counts.erased += 1;
  }
  return counts;
}
