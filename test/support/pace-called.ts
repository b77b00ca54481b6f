import type { HttpCall, HttpResult } from '../../lambda/io/outbound.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { fixtureTime, type House } from './house.ts';
import { account, deleteRequest, ketchHouse, ketchWire } from './ketch.ts';
import { answered, minute } from './pace-heard.ts';
import { registered } from './pace-ketch.ts';

type Answering = (call: HttpCall) => HttpResult | Promise<HttpResult>;

/** Whoever is called back: how it answers may be changed, and every call is kept. */
interface Called {
  answer: Answering;
  readonly calls: (HttpCall & { readonly at: number })[];
}

export interface CalledHouse {
  readonly house: House;
  readonly called: Called;
  /** The one receipt. */
  receipt(): Promise<Receipt>;
  /** Whether identifiers, callbacks and their headers are still there. */
  isKept(): Promise<boolean>;
  /** Moves the clock and sweeps. */
  sweepAfter(ms: number): Promise<void>;
}

export const targets = [
  { url: 'https://dsr.ketch.com/callback', headers: { Authorization: 'Bearer cb-token-1' } },
  { url: 'https://dsr.ketch.com/other', headers: { 'X-Key': 'cb-token-2' } },
];

/**
 * A request for crm-1 with these callbacks that could not be finished at once, since Voucherify was down; it is well
 * again.
 */
export async function owing(
  callbacks: readonly object[] = targets.slice(0, 1),
  options: Parameters<typeof ketchHouse>[0] & { readonly at?: number } = {},
): Promise<CalledHouse> {
  const called: Called = { answer: () => answered(200), calls: [] };
  const clock = { now: () => options.at ?? fixtureTime };
  const house = await ketchHouse({
    ...options,
    change: ports => {
      clock.now = ports.now;
      const sendCallback = async (call: HttpCall) => {
        called.calls.push({ ...call, at: clock.now() });
        return called.answer(call);
      };
      return { sendCallback, ...options.change?.(ports) };
    },
  });
  registered(house, 'crm-1');
  house.sandbox.outage('error');
  await house.send(ketchWire(deleteRequest({ identities: [account('crm-1')], callbacks })));
  house.sandbox.outage(undefined);
  const receipt = async () => {
    const [only] = await house.receipts();
    if (only === undefined) throw new Error('there is no receipt');
    return only;
  };
  return {
    house,
    called,
    receipt,
    isKept: async () => (await house.services.store.readPersonalData((await receipt()).id)) !== undefined,
    sweepAfter: async ms => {
      house.clock.at += ms;
      await house.sweep();
    },
  };
}

/** Sweeps once a minute, as the schedule does, and jumps over the minutes in which nothing is due. */
export async function sweepUntil({ house, receipt }: CalledHouse, end: number): Promise<void> {
  while (house.clock.at < end) {
    const { nextAttemptAt = end } = await receipt();
    const due = Math.ceil((Math.max(nextAttemptAt, house.clock.at + 1) - fixtureTime) / minute) * minute;
    house.clock.at = Math.min(end, fixtureTime + due);
    await house.sweep();
  }
}
