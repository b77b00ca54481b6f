import type { HttpCall, HttpResult, Send } from '../../lambda/io/outbound.ts';
import type { VersionedStore } from '../../lambda/receipts/control.ts';
import {
  createLimitedClient,
  type LimitedClient,
  type SerialQueue,
  serialQueue,
} from '../../lambda/voucherify/gate.ts';
import { createRateLimiter, type RateLimiter } from '../../lambda/voucherify/pacer.ts';
import type { Quota } from '../../lambda/voucherify/rhythm.ts';
import type { VirtualClock } from './pace-clock.ts';
import { answered } from './pace-heard.ts';

/** What all processes of a test share: the clock, the control rows and Voucherify. */
export interface World {
  readonly clock: VirtualClock;
  readonly rows: VersionedStore;
  readonly quota: Quota;
  readonly send: Send;
}

/** A process that has just started: it has seen no row yet. */
export interface Process {
  readonly rateLimiter: RateLimiter;
  /** The way of a new attempt. */
  gate(fresh: boolean, receipt?: string): LimitedClient;
}

export function startProcess({ clock, rows, quota, send }: World): Process {
  const shared = {
    rateLimiter: createRateLimiter('main', quota, rows),
    queue: serialQueue() satisfies SerialQueue,
    send,
  };
  return {
    rateLimiter: shared.rateLimiter,
    gate: (fresh, receipt = 'receipt-1') =>
      createLimitedClient({ ...shared, now: clock.now, wait: clock.wait, fresh, receipt }),
  };
}

/** Voucherify as far as the pace knows it: answers, and remembers when it was called. */
export function voucherifyAt(
  clock: Pick<VirtualClock, 'now'>,
  answer: (call: HttpCall) => HttpResult | Promise<HttpResult> = () => answered(200),
): { readonly send: Send; readonly calls: { at: number; call: HttpCall }[] } {
  const calls: { at: number; call: HttpCall }[] = [];
  const send: Send = async call => {
    calls.push({ at: clock.now(), call });
    return answer(call);
  };
  return { send, calls };
}

/** A call under an application key, with that many milliseconds to go. */
export function callWithin(ms: number, { now }: Pick<VirtualClock, 'now'>, token = 'token-1'): HttpCall {
  const headers = { 'X-App-Id': 'app-1', 'X-App-Token': token };
  return { method: 'GET', url: new URL('https://api.voucherify.io/v1/customers/a'), headers, until: now() + ms };
}
