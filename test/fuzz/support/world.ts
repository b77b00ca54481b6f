import type { StoredCustomer } from '../../../infra/local/sandbox/sandbox.ts';
import { signingSecret as genericSecret } from '../../platforms/generic-messages.ts';
import { headerSecret as segmentHeader, signingSecret as segmentSecret } from '../../platforms/segment-messages.ts';
import { shop } from '../../platforms/shopify-messages.ts';
import { type Harness, type HarnessOptions, openHarness } from '../../support/harness.ts';
import { ketchSecretText, ketchSection } from '../../support/ketch.ts';

/** The settings of every platform whose messages are attacked. */
export const platforms = {
  ketch: ketchSection,
  generic: { authentication: { kind: 'standard-webhooks' }, callbackOrigins: ['https://privacy.example.com'] },
  segment: {},
  shopify: { shops: [shop], customerId: 'source_id' },
} as const;

export const shopifySecret = 'shpss_client_secret_of_the_fuzz_1';

const secrets = {
  'erasure/platform/ketch': ketchSecretText(),
  'erasure/platform/generic': JSON.stringify({ current: genericSecret }),
  'erasure/platform/segment': JSON.stringify({ current: segmentSecret, header: segmentHeader }),
  'erasure/platform/shopify': JSON.stringify({ current: shopifySecret }),
};

/** Values that no log line may contain. */
const secretValues = [genericSecret, segmentSecret, segmentHeader, shopifySecret, 'token-main'];

/** Runs a check in a world of its own: all platforms, the seeded customers, and callbacks that succeed. */
export async function inWorld<T>(options: HarnessOptions, run: (world: Harness) => Promise<T>): Promise<T> {
  const { secrets: others = {}, change, ...rest } = options;
  const world = openHarness({
    platforms,
    ...rest,
    secrets: { ...secrets, ...others },
    change: adapters => ({
      sendCallback: async () => ({ kind: 'response', status: 200, headers: {}, body: '' }),
      ...change?.(adapters),
    }),
  });
  try {
    return await run(world);
  } finally {
    world.close();
  }
}

/** Returns the customers of the sandbox whose id, `source_id` or e-mail address is one of the values. */
export function customersNamed(values: readonly string[], customers: readonly StoredCustomer[]): ReadonlySet<string> {
  const exact = new Set(values);
  const folded = new Set(values.map(value => value.trim().normalize('NFC').toLowerCase()));
  const isNamed = ({ id, source_id, email }: StoredCustomer) =>
    exact.has(id) ||
    (source_id !== null && exact.has(source_id)) ||
    (email !== null && folded.has(email.toLowerCase()));
  return new Set(customers.filter(isNamed).map(({ id }) => id));
}

/** Sweeps until every receipt is closed and signed, or needs review; a receipt that is neither after so many sweeps is lost. */
export async function settle(world: Harness, sweeps = 60): Promise<void> {
  for (let count = 0; count < sweeps; count += 1) {
    const waiting = (await world.receipts()).filter(({ queue }) => queue !== undefined && queue !== 'needs-review');
    if (waiting.length === 0) return;
    const next = Math.min(...waiting.map(({ nextAttemptAt = 0 }) => nextAttemptAt));
    await world.sweep(Math.max(world.clock.now + 1000, next));
  }
  // So that receipts in review are counted.
  await world.sweep();
}

/** Values of the seeded customers and of the secrets that a log contains. */
export function leaks(world: Harness): readonly string[] {
  const text = world.logText.join('');
  const values = [
    ...secretValues,
    'ada@example.com',
    'crm-10042',
    'cust_AdaExample',
    'family@example.com',
    'crm-10043',
  ];
  return values.filter(value => text.includes(value)).map(value => `the log contains ${value}`);
}
