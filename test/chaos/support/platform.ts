import type { APIGatewayProxyResult } from 'aws-lambda';
import * as v from 'valibot';
import type { HttpCall } from '../../../lambda/io/http-client.ts';
import { jsonOrUndefined } from '../../support/event.ts';
import type { Environment, Served } from './environment.ts';
import type { Fleet } from './fleet.ts';
import { deliveryOf } from './platform-requests.ts';
import type { Random } from './random.ts';
import type { TestRequest } from './requests.ts';
import type { Truth } from './truth.ts';

/** What the platform received for one of its requests. */
interface Exchange {
  /** A 2xx reply: the request must never be lost. */
  accepted: boolean;
  /** A 2xx reply with "in progress": a callback must follow. */
  gotInProgress: boolean;
  /** Distinct final replies. */
  readonly finals: Set<string>;
  /** Durations until each reply, in milliseconds. */
  readonly durations: number[];
}

export interface Sender {
  /** Delivers a request, and repeats it up to four times after a 5xx or without a reply. */
  send(request: TestRequest): Promise<void>;
  /** Delivers a request once. */
  deliver(request: TestRequest): Promise<void>;
  readonly exchanges: ReadonlyMap<string, Exchange>;
}

interface SenderOptions {
  readonly fleet: Fleet;
  readonly truth: Truth;
  readonly random: Random;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Probability that a reply is lost. */
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

/** Simulates Ketch. */
export function newSender({ fleet, truth, random, now, wait, lost }: SenderOptions): Sender {
  const exchanges = new Map<string, Exchange>();
  const deliver = async (request: TestRequest): Promise<boolean> => {
    const exchange = exchanges.get(request.uid) ?? {
      accepted: false,
      gotInProgress: false,
      finals: new Set(),
      durations: [],
    };
    exchanges.set(request.uid, exchange);
    const began = now();
    const hadOutcome = exchange.finals.size > 0;
    truth.note(request.uid, 'delivered');
    const reply = await fleet.deliver(deliveryOf(request));
    exchange.durations.push(now() - began);
    truth.note(request.uid, `reply: ${reply?.statusCode ?? 'none'}`);
    if (reply === undefined || random.chance(lost)) return false;
    const content = received(request, reply, exchange, truth);
    // Two concurrent deliveries may get replies before and after the receipt is closed.
    if (hadOutcome && content && !isFinalReply(reply))
      truth.violated('in progress after it was completed', request.uid);
    return content;
  };
  return {
    exchanges,
    deliver: async request => {
      await deliver(request);
    },
    send: async request => {
      for (const pause of [...pauses, undefined]) {
        if ((await deliver(request)) || pause === undefined) return;
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
function received(request: TestRequest, reply: APIGatewayProxyResult, exchange: Exchange, truth: Truth): boolean {
  if (reply.statusCode >= 500) return false;
  const parsed = v.safeParse(answer, jsonOrUndefined(reply.body));
  if (reply.statusCode !== 200 || !parsed.success) {
    truth.violated(`reply ${reply.statusCode}: ${reply.body}`, request.uid);
    return true;
  }
  exchange.accepted = true;
  const { status, reason } = parsed.output.response;
  if (status === 'completed') exchange.finals.add(`${status}/${reason}`);
  else exchange.gotInProgress = true;
  return true;
}

/** Callbacks that one address received for one request: the distinct texts and the total number. */
interface Callbacks {
  readonly texts: ReadonlySet<string>;
  readonly times: number;
}

/** The platform's callback receiver. */
export interface Receiver {
  readonly port: Environment['callbacks'];
  /** Returns the callbacks of a request to its address number `index`. */
  received(uid: string, index: number): Callbacks;
  /** Starts or ends an outage: every callback gets a 503. */
  down(isDown: boolean): void;
}

/** The body of a callback. */
export const statusEvent = v.object({
  kind: v.literal('DeleteStatusEvent'),
  metadata: v.object({ uid: v.string() }),
  event: v.object({ status: v.string(), reason: v.optional(v.string(), '') }),
});

export function newReceiver(truth: Truth): Receiver {
  const received = new Map<string, { texts: Set<string>; times: number }>();
  let isDown = false;
  const record = (call: HttpCall) => {
    const parsed = v.safeParse(statusEvent, jsonOrUndefined(call.body ?? ''));
    if (!parsed.success) {
      truth.violated('a callback is not a DeleteStatusEvent');
      return;
    }
    const { metadata, event: status } = parsed.output;
    const index = call.url.pathname.split('/').at(-1) ?? '';
    if (call.headers['Authorization'] !== `Bearer callback-${index}`)
      truth.violated('a callback has wrong headers', metadata.uid);
    const key = `${metadata.uid} ${index}`;
    const known = received.get(key) ?? { texts: new Set(), times: 0 };
    known.texts.add(`${status.status}/${status.reason}`);
    known.times += 1;
    received.set(key, known);
    truth.note(metadata.uid, `callback ${index}: ${status.status}/${status.reason}`);
  };
  const arrives = (call: HttpCall): Served => {
    if (!isDown) record(call);
    return { kind: 'response', status: isDown ? 503 : 200, headers: {}, body: '{}' };
  };
  return {
    port: { arrives },
    received: (uid, index) => received.get(`${uid} ${index}`) ?? { texts: new Set(), times: 0 },
    down: next => {
      isDown = next;
    },
  };
}
