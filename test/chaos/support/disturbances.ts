import type { Outage } from '../../../infra/local/sandbox/sandbox.ts';
import { type PauseScope, pause, resume } from '../../../lambda/control/pauses.ts';
import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../../lambda/receipts/store.ts';
import { decideAcceptPartial, decideRefusal, decideRetry } from '../../../lambda/receipts/transitions.ts';
import type { RegisteredCustomer } from './requests.ts';
import type { Simulation } from './simulation.ts';
import { keyOf } from './voucherify.ts';
import { uidOf } from './watched-store.ts';

const minute = 60_000;
const outages: readonly [Outage, ...Outage[]] = ['error', 'down', 'hang'];

/** Simulates an outage of Voucherify of one of three kinds; at its end the sweeps must have reported the right age. */
export function simulateOutage(sim: Simulation, begins: number, lasts: number): void {
  const { time, random, voucherify } = sim;
  const mode = random.pick(outages);
  if (lasts === 0) return;
  time.in(begins, () => voucherify.sandbox.outage(mode));
  time.in(begins + lasts, () => {
    voucherify.sandbox.outage(undefined);
    verifyReportedAge(sim);
  });
}

/** Maximum error of the reported age of the oldest open receipt, in milliseconds. */
const maxAgeError = 90 * minute;

function verifyReportedAge({ time, watch, reported, truth }: Simulation): void {
  const now = time.now();
  const open = [...watch.receipts.values()].filter(({ state }) => state === 'open');
  const oldest = Math.max(0, ...open.map(({ receivedAt }) => now - receivedAt));
  const ofLastHour = reported.filter(({ at }) => at > now - 60 * minute).map(({ oldestOpenMs }) => oldestOpenMs);
  const reportedAge = Math.max(0, ...ofLastHour);
  if (reportedAge < oldest - maxAgeError)
    truth.violated(`silent: the sweeps reported an age of ${reportedAge} ms instead of ${oldest}`);
}

/** Rotates the token of each key five times; the new version of the secret is stored at once or minutes later. */
export function simulateRotations(
  { time, random, voucherify, secrets, environment }: Simulation,
  within: number,
): void {
  for (const project of Object.keys(environment.settings.projects)) {
    for (let at = within / 5; at < within; at += within / 5) {
      time.in(at, () => {
        const { appId } = keyOf(project);
        const appToken = random.letters();
        voucherify.sandbox.addKey({ project, appId, appToken });
        time.in(random.pick([0, minute, 5 * minute]), () => {
          secrets[`erasure/voucherify/${project}`] = JSON.stringify({ appId, appToken });
        });
      });
    }
  }
}

/** A period in which nothing may be deleted. */
interface PausePeriod {
  readonly scope: PauseScope;
  readonly from: number;
  until: number;
}

/** Maximum duration of an attempt that began before a pause, with clock errors, in milliseconds. */
const attemptMs = 70_000;

/** Pauses and resumes from time to time; returns the duration of each pause. */
export function simulatePauses(sim: Simulation, within: number): readonly PausePeriod[] {
  const { time, random, stores, environment } = sim;
  const project: PauseScope = `project:${Object.keys(environment.settings.projects)[0]}`;
  const all: PausePeriod[] = [];
  const why = () => ({ actor: 'on-call', reason: 'chaos', at: time.now() });
  for (let at = within / 7; at < within; at += within / 7) {
    time.in(at, async () => {
      const scope = random.pick<PauseScope>(['all', 'platform:ketch', project]);
      if (!(await pause(scope, why(), stores.control))) return;
      const period: PausePeriod = { scope, from: time.now() + attemptMs, until: Number.POSITIVE_INFINITY };
      all.push(period);
      time.in(random.between(3 * minute, 20 * minute), () => {
        period.until = time.now();
        void resume(scope, why(), stores.control);
      });
    });
  }
  return all;
}

/** Checks that nothing was deleted during a pause. Here every request uses the paused project. */
export function verifyPauses({ voucherify, truth }: Simulation, all: readonly PausePeriod[]): void {
  for (const { customerId, at } of voucherify.sandbox.deletions()) {
    const broken = all.find(({ from, until }) => at > from && at < until);
    if (broken === undefined || truth.wasRemovedByOthers(customerId)) continue;
    truth.violated(
      `${customerId} was deleted although ${broken.scope} was paused`,
      truth.requestsFor(customerId)[0]?.uid,
    );
  }
}

const everyMs = 1_800_000;

/**
 * Probabilities that a receipt that needs review is refused, and that its partial result is accepted if possible, instead of
 * a retry; and that an open receipt is refused.
 */
const refusedOfReview = 0.2;
const acceptedOfReview = 0.3;
const refusedOfOpen = 0.003;

/** An operator, until a day after the last request: decides on receipts that need review, and refuses some. */
export function simulateOperator(sim: Simulation, within: number): void {
  const random = sim.random.fork();
  const shift = () => {
    if (sim.time.now() - sim.start > within + 24 * 3_600_000) return;
    sim.time.in(everyMs * (0.5 + random.next()), shift);
    for (const receipt of [...sim.watch.receipts.values()].filter(({ state }) => !isFinal(state))) {
      const inReview = receipt.state === 'needs-review';
      if (random.chance(inReview ? refusedOfReview : refusedOfOpen)) void decide('refuse', receipt, sim);
      else if (inReview) void settle(receipt, random.chance(acceptedOfReview), sim);
    }
  };
  sim.time.in(everyMs, shift);
}

/** Accepts the partial result of a receipt in review if the rules allow it, or retries it. */
async function settle(receipt: Receipt, accepts: boolean, sim: Simulation): Promise<void> {
  if (!accepts || !(await decide('accept-partial', receipt, sim))) await decide('retry', receipt, sim);
}

const changes = { retry: decideRetry, refuse: decideRefusal, 'accept-partial': decideAcceptPartial } as const;

/** Stores a decision as the operator's tool does, also when workers write at the same time. Returns whether it is possible. */
export async function decide(what: keyof typeof changes, receipt: Receipt, sim: Simulation): Promise<boolean> {
  const { stores, truth, time } = sim;
  const change = changes[what];
  const uid = uidOf(receipt);
  // Recorded before the write: the sweep may close the receipt before the write returns.
  if (what === 'refuse') truth.refused(uid);
  if (what === 'accept-partial') truth.accepted(uid, await unseenCustomers(receipt, sim));
  const decided = { at: time.now(), actor: 'on-call', action: what, reason: 'chaos' };
  const { done } = await updateReceipt(stores.store, receipt, current => change(current, decided));
  if (done) truth.note(uid, `an operator decides: ${what}`);
  return done;
}

/** Returns the requested customers that are not pinned, in the projects where Voucherify refused look-ups. */
async function unseenCustomers({ id, projects, reference }: Receipt, sim: Simulation): Promise<readonly string[]> {
  const { pins = {} } = (await sim.stores.store.readPersonalData(id)) ?? {};
  const { customers = [] } = sim.truth.requests.get(reference ?? '') ?? {};
  const isUnseen = (one: RegisteredCustomer) =>
    !pins[one.project]?.some(({ customerId }) => customerId === one.id) &&
    (projects[one.project]?.refusedLookUps ?? []).length > 0;
  return customers.filter(isUnseen).map(one => one.id);
}
