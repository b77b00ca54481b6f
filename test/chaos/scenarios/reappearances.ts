import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { Mix } from '../support/faults.ts';
import { exceeded, type Outcome } from '../support/measures.ts';
import type { Delivery, RegisteredCustomer } from '../support/requests.ts';
import { evenDeliveries, runSimulation } from '../support/run-simulation.ts';
import { eventSecretOf } from '../support/settings.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import { verify } from '../support/verify.ts';
import { uidOf } from '../support/watched-store.ts';

const minute = 60_000;
const hour = 60 * minute;

/** An event that Voucherify sends about a customer who has registered. */
interface SentEvent {
  readonly uid: string;
  readonly occurredAt: number;
  /** Whether it is about a new customer; the others are about one that the request means. */
  readonly isNew: boolean;
  answered: boolean;
}

/**
 * Every person registers once more: before, during or after the erasure, some of them while the receipt is being closed, and
 * half of them only with an identifier that the request did not contain. Voucherify sends each event and repeats it up to
 * twelve times within a day until it gets a 2xx. Each answered event of a new customer after the end of an erasure must have
 * one signed addendum and an alarm, no other event may have one, and no new customer may be deleted.
 */
export async function runReappearances(seed: number, count: number, mix: Mix): Promise<Outcome> {
  const sim = openSimulation({ seed, mix, callsPerMinute: 6000, reappearance: {} });
  const within = count * 1000;
  const [bySource, byEmail] = [
    evenDeliveries(sim, { count, within }),
    evenDeliveries(sim, { count, within, kind: 'email' }),
  ];
  const deliveries = [...bySource, ...byEmail];
  const sent = registerAll(sim, bySource);
  registerWithSourceIds(sim, byEmail, sent);
  const plan = { deliveries, oddSweeps: 0.03, atLeast: within + 30 * hour, afterwards: hour };
  await runSimulation(sim, { ...plan, longest: within + 30 * 24 * hour });
  await verify(sim);
  const counted = await verifyEvents(sim, sent);
  sim.close();
  const bounds = exceeded(['events that were never answered', counted.unanswered, count * 0.01]);
  return { ...counted, violations: [...sim.truth.violations, ...bounds] };
}

/** Times after the request: before the attempt, during it, and after the erasure. */
const pauses = [0, 100, 400, 1500, 20_000, 5 * minute, 3 * hour] as const;

function registerAll(sim: Simulation, deliveries: readonly Delivery[]): SentEvent[] {
  const { random, time, truth, voucherify } = sim;
  const sent: SentEvent[] = [];
  for (const [at, { customers, uid }] of deliveries) {
    const register = () => {
      for (const one of customers) {
        listen(sim, uid, one, sent);
        truth.newcomer(voucherify.sandbox.register(one.customer, one.project), uid);
      }
    };
    const [first] = customers;
    if (first !== undefined && random.chance(0.5)) onceDeleted(first.id, sim, register);
    else time.in(at + random.pick(pauses), register);
  }
  return sent;
}

/** Runs a function within 200 ms after a deletion, while the receipt is being closed; never if the program deletes nothing. */
function onceDeleted(id: string, { time, voucherify, random }: Simulation, run: () => void): void {
  voucherify.onDeleted(deleted => {
    if (deleted === id) time.in(random.below(200), run);
  });
}

/** Persons who were erased by e-mail address register with the `source_id` that they had, and with another address. */
function registerWithSourceIds(sim: Simulation, deliveries: readonly Delivery[], sent: SentEvent[]): void {
  const { time, truth, voucherify, random } = sim;
  for (const [at, { customers, uid }] of deliveries) {
    const [first] = customers;
    if (first === undefined) continue;
    const register = () => {
      // If the customer still exists, this would change it instead.
      if (!truth.isGone(first.id)) return;
      const { customer, project } = first;
      listen(sim, uid, first, sent);
      const again = { source_id: customer.source_id ?? '', email: `new-${uid}@example.com` };
      truth.newcomer(voucherify.sandbox.register(again, project), uid);
    };
    if (random.chance(0.5)) onceDeleted(first.id, sim, register);
    else time.in(at + 3 * hour, register);
  }
}

function listen(sim: Simulation, uid: string, { id, project }: RegisteredCustomer, sent: SentEvent[]): void {
  sim.voucherify.sandbox.webhooks(eventSecretOf(project), message => {
    const event = { uid, occurredAt: sim.time.now(), isNew: message.customerId !== id, answered: false };
    sent.push(event);
    void deliver(event, message, sim);
  });
}

type Message = Parameters<Parameters<Simulation['voucherify']['sandbox']['webhooks']>[1]>[0];

async function deliver(event: SentEvent, { project, headers, body }: Message, sim: Simulation): Promise<void> {
  const repeats = 12;
  for (let tries = 0; tries <= repeats && !event.answered; tries += 1) {
    const reply = await sim.fleet.event({
      httpMethod: 'POST',
      path: `/events/${project}`,
      headers,
      body: Buffer.from(body).toString('base64'),
      isBase64Encoded: true,
    });
    event.answered = reply?.statusCode === 204;
    if (!event.answered) await sim.time.wait(2 ** tries * 20_000);
  }
}

async function verifyEvents(sim: Simulation, sent: readonly SentEvent[]) {
  const { alarms, stores, truth, watch } = sim;
  const byUid = new Map([...watch.receipts.values()].map(receipt => [uidOf(receipt), receipt] as const));
  const reappearances = alarms.filter(({ alarm }) => alarm === 'erased-person-reappeared');
  const reported = new Set(reappearances.map(line => line.receipt));
  let [reappeared, unanswered] = [0, 0];
  for (const event of sent) {
    const { uid, occurredAt, answered } = event;
    const receipt = byUid.get(uid);
    const addenda = receipt === undefined ? [] : await stores.store.addendaOf(receipt.id);
    const own = addenda.filter(addendum => addendum.occurredAt === occurredAt);
    if (!answered) unanswered += 1;
    else if (!isReappearance(event, receipt)) {
      if (own.length > 0) truth.violated('an addendum for an event that is no reappearance', uid);
    } else if (own.length !== 1) truth.violated(`a reappearance with ${own.length} addenda`, uid);
    else reappeared += 1;
    if (own.some(({ jws }) => jws === undefined)) truth.violated('an addendum was never signed', uid);
    if (own.length > 0 && !reported.has(receipt?.id)) truth.violated('a reappearance without an alarm', uid);
  }
  return { events: sent.length, reappeared, unanswered };
}

function isReappearance({ occurredAt, isNew }: SentEvent, receipt: Receipt | undefined): boolean {
  return isNew && receipt?.state === 'erased' && (receipt.closedAt ?? Number.POSITIVE_INFINITY) < occurredAt;
}
