import { createHash } from 'node:crypto';
import type { OutboundCall, OutboundResult, Send } from '../io/outbound.ts';
import { goodUntil, type Reservation } from './pace.ts';
import type { Pacer } from './pacer.ts';

/** The call was not made: nobody may call yet, or there is no time left for it. */
export interface Held {
  readonly kind: 'held';
  readonly code: string;
  readonly until?: number;
}

export type GatedSend = (call: OutboundCall) => Promise<OutboundResult | Held>;

/** The way of one attempt to one project: every call of it passes here, and none without a reservation. */
export interface Gate {
  readonly send: GatedSend;
  /** Says how many calls are to come, so that one reservation covers them. */
  expect(calls: number): void;
  /** Reserves before there is a call, waiting for the place until `until`. Gives what holds it, if anything does. */
  admit(calls: number, headers: OutboundCall['headers'], until: number): Promise<Held | undefined>;
}

export interface Way {
  readonly pacer: Pacer;
  readonly send: Send;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Fresh requests may use the burst and wait beside each other; the sweep's wait in line, one at a time. */
  readonly fresh: boolean;
  readonly line: Line;
  /** The receipt's id, for telling whether failures are of one receipt or of many. */
  readonly receipt: string;
}

/** Runs one after the other what is handed to it. */
export type Line = <T>(work: () => Promise<T>) => Promise<T>;

/** A new, empty line. */
export function line(): Line {
  let last: Promise<unknown> = Promise.resolve();
  return work => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Less time than this is not enough for a call, in milliseconds. */
const leastCallMs = 200;

type Reserved = Extract<Reservation, { kind: 'reserved' }>;

/** Opens the way of one attempt to one project. */
export function openGate(way: Way): Gate {
  let place: Reserved | undefined;
  let left = 0;
  let toCome = 0;
  const admit: Gate['admit'] = async (calls, headers, until) => {
    const next = await reserved(way, Math.min(calls, mostAtOnce(way)), keyHash(headers), until - leastCallMs);
    if (next.kind === 'held') return next;
    place = next;
    left = next.calls;
    return undefined;
  };
  /** What was reserved and not used in time is lost: a call that is later still would be one too many. */
  const good = () => {
    while (place !== undefined && left > 0 && way.now() > goodUntil(place, left)) left -= 1;
    return left > 0;
  };
  const held = async ({ headers, until }: OutboundCall): Promise<Held | undefined> => {
    if (way.now() > until - leastCallMs) return { kind: 'held', code: 'out-of-time' };
    const holds = good() ? undefined : await admit(Math.max(1, toCome), headers, until);
    if (holds !== undefined || place?.probe === true) return holds;
    return way.pacer.closed(keyHash(headers), way.now());
  };
  return {
    admit,
    expect(calls) {
      toCome = calls;
    },
    send: async call => {
      const holds = await held(call);
      if (holds !== undefined) return holds;
      left -= 1;
      toCome = Math.max(0, toCome - 1);
      return sendAndLearn(way, call);
    },
  };
}

/** The sweep reserves half a burst at once: then a fresh request's own burst reaches beyond what lies before it. */
function mostAtOnce({ pacer, fresh }: Way): number {
  return fresh ? pacer.burst() : Math.max(1, Math.floor(pacer.burst() / 2));
}

async function sendAndLearn({ pacer, send, now, receipt }: Way, call: OutboundCall): Promise<OutboundResult> {
  const sentAt = now();
  const result = await send(call);
  const byToken = call.headers['Authorization'] !== undefined;
  await pacer.learn({ result, receipt, keyHash: keyHash(call.headers), byToken, sentAt, now: now() });
  return result;
}

/** The sweep waits in line, one after the other, so that what it has reserved never lies far ahead of a fresh request. */
function reserved(way: Way, calls: number, key: string, latest: number): Promise<Reservation> {
  const reserveAndWait = async (): Promise<Reservation> => {
    const wish = { calls, fresh: way.fresh, keyHash: key, now: way.now(), latest };
    const reservation = await way.pacer.reserve(wish);
    const ahead = reservation.kind === 'reserved' ? reservation.at - way.now() : 0;
    if (ahead > 0) await way.wait(Math.ceil(ahead));
    return reservation;
  };
  return way.fresh ? reserveAndWait() : way.line(reserveAndWait);
}

/** A key is known by a hash of what it sends, so that a new one opens what the old one closed. */
function keyHash(headers: OutboundCall['headers']): string {
  const credentials = ['X-App-Id', 'X-App-Token', 'Authorization'].map(name => headers[name] ?? '');
  return createHash('sha256').update(JSON.stringify(credentials)).digest('base64url').slice(0, 22);
}
