import type { OutboundCall, OutboundResult, Send } from '../../lambda/io/outbound.ts';
import type { ControlRows } from '../../lambda/receipts/control.ts';
import { type Gate, type Line, line, openGate } from '../../lambda/voucherify/gate.ts';
import { type Pacer, pacer } from '../../lambda/voucherify/pacer.ts';
import type { Quota } from '../../lambda/voucherify/rhythm.ts';
import type { VirtualClock } from './pace-clock.ts';
import { answered } from './pace-heard.ts';

/** What all processes of a test share: the clock, the control rows and Voucherify. */
export interface World {
  readonly clock: VirtualClock;
  readonly rows: ControlRows;
  readonly quota: Quota;
  readonly send: Send;
}

/** A process that has just started: it has seen no row yet. */
export interface Process {
  readonly pacer: Pacer;
  /** The way of a new attempt. */
  gate(fresh: boolean, receipt?: string): Gate;
}

export function startProcess({ clock, rows, quota, send }: World): Process {
  const shared = { pacer: pacer('main', quota, rows), line: line() satisfies Line, send };
  return {
    pacer: shared.pacer,
    gate: (fresh, receipt = 'receipt-1') => openGate({ ...shared, now: clock.now, wait: clock.wait, fresh, receipt }),
  };
}

/** Voucherify as far as the pace knows it: answers, and remembers when it was called. */
export function voucherifyAt(
  clock: Pick<VirtualClock, 'now'>,
  answer: (call: OutboundCall) => OutboundResult | Promise<OutboundResult> = () => answered(200),
): { readonly send: Send; readonly calls: { at: number; call: OutboundCall }[] } {
  const calls: { at: number; call: OutboundCall }[] = [];
  const send: Send = async call => {
    calls.push({ at: clock.now(), call });
    return answer(call);
  };
  return { send, calls };
}

/** A call under an application key, with that many milliseconds to go. */
export function callWithin(ms: number, { now }: Pick<VirtualClock, 'now'>, token = 'token-1'): OutboundCall {
  const headers = { 'X-App-Id': 'app-1', 'X-App-Token': token };
  return { method: 'GET', url: new URL('https://api.voucherify.io/v1/customers/a'), headers, until: now() + ms };
}
