import type { APIGatewayProxyResult } from 'aws-lambda';
import * as v from 'valibot';
import { jsonOrUndefined } from '../../support/event.ts';
import type { Fleet } from './fleet.ts';
import { deliveryOf } from './ketch.ts';
import type { Ask } from './people.ts';
import type { Random } from './random.ts';
import type { Truth } from './truth.ts';

/** What the platform knows of one of its requests. */
interface Exchange {
  /** It got a 2xx reply: from then on it must never be lost. */
  accepted: boolean;
  /** It got a 2xx reply with "in progress": from then on a callback must follow. */
  toldOpen: boolean;
  /** Final answers, each once. */
  readonly finals: Set<string>;
  /** Times that it took to answer, in milliseconds. */
  readonly took: number[];
}

export interface Sender {
  /** Delivers a request, and again after a 5xx or no answer, a few times. Settles when it gives up or is content. */
  send(ask: Ask): Promise<void>;
  /** Delivers once and takes whatever comes back. */
  deliver(ask: Ask): Promise<void>;
  readonly exchanges: ReadonlyMap<string, Exchange>;
}

interface SenderOptions {
  readonly fleet: Fleet;
  readonly truth: Truth;
  readonly random: Random;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** How often an answer is lost on its way. */
  readonly lost: number;
}

const minute = 60_000;
/** Pauses between the deliveries of one request. */
const pauses = [minute, 5 * minute, 30 * minute, 120 * minute];

const answer = v.object({
  response: v.object({
    status: v.picklist(['completed', 'in_progress']),
    reason: v.optional(v.string(), ''),
    expectedCompletionTimestamp: v.number(),
  }),
});

/** Ketch, as far as it can be seen from here. */
export function newSender({ fleet, truth, random, now, wait, lost }: SenderOptions): Sender {
  const exchanges = new Map<string, Exchange>();
  const deliver = async (ask: Ask): Promise<boolean> => {
    const exchange = exchanges.get(ask.uid) ?? { accepted: false, toldOpen: false, finals: new Set(), took: [] };
    exchanges.set(ask.uid, exchange);
    const began = now();
    const knewEnd = exchange.finals.size > 0;
    truth.note(ask.uid, 'delivered');
    const reply = await fleet.deliver(deliveryOf(ask));
    exchange.took.push(now() - began);
    truth.note(ask.uid, `answered ${reply?.statusCode ?? 'nothing'}`);
    if (reply === undefined || random.chance(lost)) return false;
    const content = heard(ask, reply, exchange, truth);
    // Of two deliveries at once the one may be answered before and the other after the end.
    if (knewEnd && content && !isFinalReply(reply)) truth.violated('in progress after it was completed', ask.uid);
    return content;
  };
  return {
    exchanges,
    deliver: async ask => {
      await deliver(ask);
    },
    send: async ask => {
      for (const pause of [...pauses, undefined]) {
        if ((await deliver(ask)) || pause === undefined) return;
        await wait(pause * random.between(0.5, 1.5));
      }
    },
  };
}

function isFinalReply({ body }: APIGatewayProxyResult): boolean {
  const parsed = v.safeParse(answer, jsonOrUndefined(body));
  return parsed.success && parsed.output.response.status === 'completed';
}

/** Returns whether the platform got a 2xx reply. */
function heard(ask: Ask, reply: APIGatewayProxyResult, exchange: Exchange, truth: Truth): boolean {
  if (reply.statusCode >= 500) return false;
  const parsed = v.safeParse(answer, jsonOrUndefined(reply.body));
  if (reply.statusCode !== 200 || !parsed.success) {
    truth.violated(`answered ${reply.statusCode}: ${reply.body}`, ask.uid);
    return true;
  }
  exchange.accepted = true;
  const { status, reason } = parsed.output.response;
  if (status === 'completed') exchange.finals.add(`${status}/${reason}`);
  else exchange.toldOpen = true;
  return true;
}
