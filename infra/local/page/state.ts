import type { PublicKey } from '../../../lambda/receipts/evidence.ts';
import type { Services } from '../../../lambda/services.ts';
import { alarmFor, alarmTexts } from '../../stack/alarm-catalog.ts';
import type { Outage, Sandbox, SandboxCustomer } from '../sandbox/sandbox.ts';
import { localCustomers } from '../sandbox/seeded-customers.ts';
import { type Exchanges, openExchanges } from './exchanges.ts';
import type { Journal, SeenReceipt } from './journal.ts';
import { stepsOf } from './steps.ts';

export interface PageStateOptions {
  readonly services: Services;
  readonly sandbox: Sandbox;
  readonly sandboxUrl: string;
  /** By logical name. */
  readonly secretTexts: Readonly<Record<string, string>>;
  readonly journal: Journal;
  readonly publicKey: () => Promise<PublicKey>;
  /** When the next sweep runs, in epoch milliseconds of the run's clock. */
  readonly nextSweepAt: () => number;
  readonly sweepMs: number;
  /** Whether an earlier run has used this folder: the page shows only the receipts that this one has written. */
  readonly hasOlder: boolean;
}

/** What the page shows, and the listeners of its changes. */
export interface PageState {
  readonly exchanges: Exchanges;
  /** Says that something changed that the journal does not see. */
  changed(): void;
  /** Calls `listener` with the state as JSON now and after changes. Returns a function that ends this. */
  subscribe(listener: (json: string) => void): () => void;
}

/** A customer of the page: one of the sandbox, or an invented one that is erased. */
interface PageCustomer extends SandboxCustomer {
  readonly id: string;
  readonly erased: boolean;
}

/** Opens the state of the page. Changes that come together are announced once. */
export function openPageState(options: PageStateOptions): PageState {
  const { services, journal, sandboxUrl, secretTexts } = options;
  const listeners = new Set<(json: string) => void>();
  let isPending = false;
  const tell = async () => {
    isPending = false;
    const json = JSON.stringify(await snapshot(options, exchanges));
    for (const listener of listeners) listener(json);
  };
  const changed = () => {
    if (isPending || listeners.size === 0) return;
    isPending = true;
    // A run that is closing has no state any more.
    setImmediate(() => void tell().catch(() => undefined));
  };
  const exchanges = openExchanges({
    platforms: services.settings.platforms,
    secretTexts,
    callbackUrl: `${sandboxUrl}/sandbox/callbacks`,
    journal,
    now: services.now,
    changed,
  });
  journal.subscribe(changed);
  return {
    exchanges,
    changed,
    subscribe: listener => {
      listeners.add(listener);
      changed();
      return () => void listeners.delete(listener);
    },
  };
}

async function snapshot(options: PageStateOptions, exchanges: Exchanges) {
  const { services, sandbox, journal, publicKey, nextSweepAt, sweepMs, hasOlder } = options;
  return {
    now: services.now(),
    nextSweepAt: nextSweepAt(),
    sweepMs,
    hasOlder,
    outage: sandbox.currentOutage() ?? ('none' satisfies Outage | 'none'),
    platforms: platformsOf(services, exchanges),
    customers: customersOf(sandbox),
    exchanges: exchanges.list(),
    receipts: journal.receipts().map(seen => receiptView(seen, services)),
    alarms: journal
      .alarms()
      .map(alarm => ({ ...alarm, name: alarmFor[alarm.code], text: alarmTexts[alarmFor[alarm.code]] })),
    publicKey: await publicKey(),
  };
}

function platformsOf({ settings }: Services, { sources }: Exchanges) {
  return Object.keys(settings.platforms).map(name => {
    const title = sources.get(name)?.title;
    return title === undefined ? { name, title: name, canSend: false } : { name, title, canSend: true };
  });
}

function receiptView(seen: SeenReceipt, { platforms }: Services) {
  const { id, platform, state, reason, receivedAt, nextAttemptAt, evidence, firstReply } = seen.receipt;
  const acknowledges = firstReply === undefined && platforms.get(platform)?.responseMode === 'acknowledgement';
  return { id, platform, state, reason, receivedAt, nextAttemptAt, evidence, steps: stepsOf(seen, acknowledges) };
}

/** Returns the customers of the sandbox, and the invented ones that are erased, in a stable order. */
export function customersOf(sandbox: Sandbox): readonly PageCustomer[] {
  const left = sandbox.customers().filter(({ deleted_at }) => deleted_at === null);
  const ids = new Set(left.map(({ id }) => id));
  const seeded = localCustomers.map(customer => ({ ...customer, id: customer.id ?? '' }));
  const invented = seeded.map(customer => ({ ...customer, erased: !ids.has(customer.id) }));
  const others = left.filter(({ id }) => seeded.every(customer => customer.id !== id));
  return [
    ...invented,
    ...others.map(({ id, source_id, email, created_at, profile }) => ({
      ...profile,
      id,
      created_at,
      ...(source_id === null ? {} : { source_id }),
      ...(email === null ? {} : { email }),
      erased: false,
    })),
  ];
}
