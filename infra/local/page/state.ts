import { randomUUID } from 'node:crypto';
import { platformSecretName } from '../../../lambda/domain/names.ts';
import type { PublicKey } from '../../../lambda/receipts/evidence.ts';
import type { Services } from '../../../lambda/services.ts';
import { alarmFor, alarmTexts } from '../../stack/alarm-catalog.ts';
import type { Outage, Sandbox, SandboxCustomer } from '../sandbox/sandbox.ts';
import { localCustomers } from '../sandbox/seeded-customers.ts';
import { type Journal, type SeenReceipt, stepsOf } from './journal.ts';
import { type MessageSource, messageSourceOf, type PlatformMessage } from './platform-messages.ts';

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

/** A request that the page sent as a platform, and the reply. */
interface Exchange {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly platform: string;
  readonly customer: string;
  readonly path: string;
  readonly request: PlatformMessage;
  /** Absent while the reply is awaited. */
  readonly reply?: { readonly status: number; readonly body: string };
  /** Id of the receipt that the request opened. */
  readonly receipt?: string;
}

interface ExchangeOptions {
  readonly platforms: Readonly<Record<string, unknown>>;
  /** The secrets by logical name. They stay in this process: the page never gets one that it does not send. */
  readonly secretTexts: Readonly<Record<string, string>>;
  readonly callbackUrl: string;
  readonly journal: Journal;
  readonly now: () => number;
  readonly changed: () => void;
}

/** What the page wants to send. */
interface SendOrder {
  readonly platform: string;
  readonly wrongSecret: boolean;
}

interface Exchanges {
  /** The platforms that the page can send as, by name. */
  readonly sources: ReadonlyMap<string, MessageSource>;
  /** The latest exchanges, newest first. */
  list(): readonly Exchange[];
  /** Sends a request to the webhook at `origin`; returns undefined if the platform cannot name this customer. */
  send(order: SendOrder, customer: SandboxCustomer, origin: string): Promise<Exchange | undefined>;
}

/** How many exchanges are kept. */
const maxExchanges = 50;

/** A wrong secret, in the format of every platform. */
const wrongSecret = JSON.stringify({ current: `whsec_${Buffer.from('not-the-secret-of-anyone').toString('base64')}` });

/** Opens the sender of requests: it signs as the platforms do, and sends over HTTP as they do. */
function openExchanges(options: ExchangeOptions): Exchanges {
  const { platforms, secretTexts, callbackUrl, journal, now, changed } = options;
  const sources = new Map<string, MessageSource>();
  for (const [name, section] of Object.entries(platforms)) {
    const source = messageSourceOf(name, section);
    if (source !== undefined) sources.set(name, source);
  }
  let list: readonly Exchange[] = [];
  const put = (exchange: Exchange) => {
    list = [exchange, ...list.filter(({ id }) => id !== exchange.id)].slice(0, maxExchanges);
    changed();
  };
  return {
    sources,
    list: () => list,
    send: async ({ platform, wrongSecret: isWrong }, customer, origin) => {
      const secretText = isWrong ? wrongSecret : (secretTexts[platformSecretName(platform)] ?? wrongSecret);
      const request = sources.get(platform)?.build(customer, { now: now(), secretText, callbackUrl });
      if (request === undefined) return undefined;
      const path = `/webhooks/${platform}`;
      let exchange: Exchange = { id: randomUUID(), at: now(), platform, customer: customer.name ?? '', path, request };
      put(exchange);
      const unsubscribe = journal.subscribe(accepted => {
        if (accepted?.platform !== platform || exchange.receipt !== undefined) return;
        exchange = { ...exchange, receipt: accepted.id };
        put(exchange);
      });
      const response = await fetch(`${origin}${path}`, { method: 'POST', ...request }).finally(unsubscribe);
      exchange = { ...exchange, reply: { status: response.status, body: await response.text() } };
      put(exchange);
      return exchange;
    },
  };
}
