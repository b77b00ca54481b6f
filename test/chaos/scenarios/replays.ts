import { type Mix, usual } from '../support/faults.ts';
import { live } from '../support/live.ts';
import { redactionOf, type Unsigned } from '../support/shopify.ts';
import { openWorld, type World } from '../support/world.ts';

export interface ReplayNumbers {
  readonly violations: readonly string[];
  readonly receipts: number;
  readonly deleted: number;
  readonly replays: number;
  readonly alarms: number;
}

const minute = 60_000;
const hour = 60 * minute;
const replaysEach = 5;

/**
 * Customers are redacted by Shopify and register again under the id of before; then their signed redactions are replayed
 * under other webhook ids and times. The sandbox's own log says who was deleted.
 */
export async function runReplays(seed: number, customers: number, mix: Mix = usual): Promise<ReplayNumbers> {
  const world = openWorld({ seed, mix, limits: { requestsPerHour: 2 * customers }, lags: true });
  const { voucherify, watch, alarms } = world;
  const newcomers = new Set<string>();
  const asked = Array.from({ length: customers }, (_, number) => redacted(1000 + number, world, newcomers));
  await live(world, { deliveries: [], oddSweeps: 0.03, longest: 24 * hour, atLeast: 4 * hour });
  const deleted = voucherify.sandbox.deletions().map(({ customerId }) => customerId);
  world.close();
  const codes = alarms.map(({ alarm }) => alarm);
  const violations = [
    ...deleted.filter(id => newcomers.has(id)).map(id => `wrong: a replay deleted ${id}, who registered again`),
    ...asked.filter(id => !deleted.includes(id)).map(id => `lost: ${id} was never deleted`),
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

/** Runs the history of one customer; returns the id of the customer to erase. */
function redacted(number: number, world: World, newcomers: Set<string>): string {
  const { random, time, voucherify } = world;
  const customer = { source_id: String(number) };
  const id = voucherify.register(customer, 'main');
  const webhookId = random.uuid();
  time.in(random.between(0, 10 * minute), () => void deliver(number, { webhookId }, world));
  voucherify.onDeleted(gone => {
    if (gone !== id) return;
    time.in(random.between(0, 5 * minute), () => newcomers.add(voucherify.sandbox.register(customer, 'main')));
    for (let count = 0; count < replaysEach; count += 1) {
      const later = random.between(6 * minute, 2 * hour);
      time.in(later, () => void deliver(number, otherHeaders(world), world));
    }
  });
  return id;
}

function otherHeaders({ random, time }: World): Unsigned {
  const webhookId = random.chance(0.8) ? { webhookId: random.uuid() } : {};
  return { ...webhookId, ...(random.chance(0.5) ? { triggeredAt: new Date(time.now()).toISOString() } : {}) };
}

/** Until it is answered 200, as Shopify does it: at most eight times. */
async function deliver(number: number, unsigned: Unsigned, { fleet, time, random }: World): Promise<void> {
  for (let tries = 0; tries < 8; tries += 1) {
    const answer = await fleet.deliver(redactionOf(number, unsigned));
    if (answer?.statusCode === 200) return;
    await time.wait(random.between(minute, 5 * minute));
  }
}
