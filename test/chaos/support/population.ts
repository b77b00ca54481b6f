import {
  type CustomerRegistry,
  type Delivery,
  newRequest,
  type RegisteredCustomer,
  repeatedRequest,
  type TestRequest,
} from './requests.ts';
import type { Simulation } from './simulation.ts';

export interface PopulationOptions {
  readonly requests: number;
  /** Milliseconds in which all requests arrive. */
  readonly within: number;
  /** Shares of the requests that are delivered twice, and whose customers register again. */
  readonly duplicates: number;
  readonly reregistered: number;
}

/** Share of the requests that arrive again with another id. */
const repeatedShare = 0.01;

/** Registers the customers of many requests; returns the time of each delivery. */
export function schedulePopulation(sim: Simulation, population: PopulationOptions): readonly Delivery[] {
  const { random, start } = sim;
  const registry = registryOf(sim);
  const deliveries: Delivery[] = [];
  const add = (at: number, request: TestRequest) => {
    sim.truth.add(request);
    deliveries.push([at, request]);
    // At once, within the same attempt, or minutes later.
    const pause = random.pick([0, 50, 400, 3000, 90_000, 1_800_000]);
    if (random.chance(population.duplicates)) deliveries.push([at + pause, request]);
  };
  for (let number = 0; number < population.requests; number += 1) {
    const at = random.between(0, population.within);
    const request = newRequest(number, start + at, registry);
    add(at, request);
    const again = at + random.between(0, 10_000);
    // Not both: a customer that registers between two requests is meant by the second one.
    if (random.chance(population.reregistered)) reregistrations(sim, request, at);
    else if (random.chance(repeatedShare)) add(again, repeatedRequest(request, start + again, registry));
  }
  return deliveries;
}

/** Returns the registry of a simulation's customers. */
export function registryOf({ environment, random, voucherify }: Simulation): CustomerRegistry {
  const [first = '', ...others] = Object.keys(environment.settings.projects);
  const { register, sandbox } = voucherify;
  return { projects: [first, ...others], random: random.fork(), register, softDelete: sandbox.softDelete };
}

/** Maximum time of an attempt from a look-up to the deletion, in milliseconds. */
const attemptMs = 30_000;

/**
 * Registers the customers of one request again with the same identifiers, after the program or the shop has deleted them.
 * The new customers must not be erased.
 */
function reregistrations(sim: Simulation, { customers, uid }: TestRequest, at: number): void {
  const { random, time, truth } = sim;
  for (const customer of customers) {
    const again = () => {
      const isOdd = random.chance(0.2);
      time.in(random.between(0, random.pick([0, 1000, 30_000, 120_000])) + (isOdd ? attemptMs : 0), () => {
        truth.newcomer(registerAgain(customer, isOdd, sim), uid);
      });
    };
    if (random.chance(0.5)) {
      sim.voucherify.onDeleted(id => {
        if (id === customer.id) again();
      });
      continue;
    }
    time.in(at + random.pick([0, 200, 1000, 20_000, 300_000]), () => {
      const how = random.pick(['soft', 'permanent'] as const);
      if (!sim.voucherify.removeByOthers(customer.id, customer.project, how)) return;
      truth.note(uid, `the shop deletes ${customer.id}, ${how}`);
      again();
    });
  }
}

/**
 * Registers a customer again. If `isOdd`, its source_id is the old customer's id, which the same URL path accepts. This
 * never happens within one attempt: Voucherify has no call that distinguishes the two between a look-up and the deletion
 * that follows it at once.
 */
function registerAgain(
  { customer, id, project }: RegisteredCustomer,
  isOdd: boolean,
  { voucherify }: Simulation,
): string {
  const { source_id, ...rest } = customer;
  const known = isOdd ? { source_id: id } : { ...(source_id === undefined ? {} : { source_id }) };
  return voucherify.sandbox.register({ ...rest, ...known }, project);
}
