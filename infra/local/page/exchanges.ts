import { randomUUID } from 'node:crypto';
import { platformSecretName } from '../../../lambda/domain/names.ts';
import type { SandboxCustomer } from '../sandbox/sandbox.ts';
import type { Journal } from './journal.ts';
import { type MessageSource, messageSourceOf, type PlatformMessage } from './platform-messages.ts';

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

export interface Exchanges {
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
export function openExchanges(options: ExchangeOptions): Exchanges {
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
