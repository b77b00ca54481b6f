import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { decide } from '../support/disturbances.ts';
import { calm, type Mix } from '../support/faults.ts';
import { exceeded, type Outcome } from '../support/measures.ts';
import { registryOf } from '../support/population.ts';
import { type CustomerKind, newRequestOf, type TestRequest } from '../support/requests.ts';
import { runAndVerify } from '../support/run-simulation.ts';
import { openSimulation, type Simulation } from '../support/simulation.ts';
import type { Trouble } from '../support/troubles.ts';

const hour = 3_600_000;
/** Between two requests: shorter than an open circuit breaker. */
const spacing = 5_000;

/** A request whose customers or identifiers Voucherify has trouble with. */
interface Case {
  readonly kind: CustomerKind;
  /** The trouble of its first identifier, or of its first customer if it is about the deletion. */
  readonly trouble?: Trouble;
  /** Whether it must be completed without an operator. */
  readonly completes: boolean;
}

const cases: readonly [Case, ...Case[]] = [
  { kind: 'source', trouble: 'oversized', completes: false },
  { kind: 'source', trouble: 'large', completes: true },
  { kind: 'source', trouble: 'deletion-404-once', completes: true },
  { kind: 'source', trouble: 'deletion-404', completes: false },
  { kind: 'source', trouble: 'rejected', completes: false },
  { kind: 'source', completes: true },
  { kind: 'several', trouble: 'oversized', completes: false },
  { kind: 'several', trouble: 'rejected', completes: false },
  { kind: 'several', trouble: 'unreadable', completes: false },
];

interface TroubledRequest extends Case {
  readonly request: TestRequest;
  /** What the trouble is with: an identifier, or a customer's id. */
  readonly value: string;
}

/**
 * Voucherify denies deletions of customers that it still shows, returns records that are too large, and refuses single
 * identifiers. Everything else must be erased at once, also of the same request. The rest must wait for an operator,
 * who accepts or refuses half of it, and retries the other half after Voucherify is repaired.
 */
export async function runRefusals(seed: number, count: number, mix: Mix = calm): Promise<Outcome> {
  const sim = openSimulation({ seed, mix, callsPerMinute: 6000 });
  const troubled = Array.from({ length: count }, (_, number) => {
    // Requests with the same trouble follow each other: so many in a row would open a circuit breaker that counts them.
    const one = cases[Math.floor((number * cases.length) / count)] ?? cases[0];
    return troubledRequest(one, number, number * spacing, sim);
  });
  const deliveries = troubled.map(({ request }, number) => [number * spacing, request] as const);
  sim.time.in(24 * hour, () => {
    for (const [number, one] of troubled.entries()) verifyMeanwhile(one, number, sim);
  });
  await runAndVerify(sim, { deliveries, oddSweeps: 0, longest: 4 * 24 * hour, atLeast: 30 * hour });
  const { sender, truth, watch } = sim;
  const atOnce = troubled.filter(({ trouble = 'large' }) => trouble === 'large');
  const late = atOnce.filter(({ request }) => sender.exchanges.get(request.uid)?.gotInProgress !== false).length;
  const states = [...watch.receipts.values()].map(({ state }) => state);
  const bounds = exceeded(
    [
      'requests without trouble, or with a large record, that were not completed at once',
      late,
      mix === calm ? 0 : count,
    ],
    ['receipts in review after the operator decided', watch.waiting().needsReview, mix === calm ? 0 : count / 10],
  );
  const accepted = states.filter(state => state === 'not-identifiable').length;
  const refused = states.filter(state => state === 'refused').length;
  return { violations: [...truth.violations, ...bounds], receipts: states.length, accepted, refused, late };
}

function troubledRequest(one: Case, number: number, at: number, sim: Simulation): TroubledRequest {
  const request = newRequestOf(one.kind, number, sim.start + at, registryOf(sim));
  sim.truth.add(request);
  const isOfDeletion = one.trouble?.startsWith('deletion') === true;
  const value = (isOfDeletion ? request.customers[0]?.id : request.identities[0]?.identityValue) ?? '';
  if (one.trouble !== undefined) sim.voucherify.troubles.begin(value, one.trouble);
  return { ...one, request, value };
}

/** Checks a request before anybody has decided anything; then the operator decides. */
function verifyMeanwhile(one: TroubledRequest, number: number, sim: Simulation): void {
  const { watch, truth } = sim;
  const { uid, customers } = one.request;
  const receipt = watch.writes.get(uid)?.at(-1)?.receipt;
  const isRight = receipt && (one.completes ? isFinal(receipt.state) : receipt.state === 'needs-review');
  if (!isRight) truth.violated(`${receipt?.state} after a day, with the trouble ${one.trouble}`, uid);
  if (!one.completes && !customers.slice(1).every(({ id }) => truth.isGone(id)))
    truth.violated('customers without trouble are not deleted after a day', uid);
  if (receipt?.state === 'needs-review') void decideOn(receipt, one, number, sim);
}

/**
 * Retries half of the receipts after Voucherify is repaired. The other half is accepted, or refused where that is
 * impossible.
 */
async function decideOn(receipt: Receipt, { value }: TroubledRequest, number: number, sim: Simulation): Promise<void> {
  if (number % 2 === 0) {
    sim.voucherify.troubles.end(value);
    await decide('retry', receipt, sim);
  } else if (!(await decide('accept-partial', receipt, sim))) await decide('refuse', receipt, sim);
}
