import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { fixtureTime, type Harness } from './harness.ts';
import { account, addPerson, deleteRequest, ketchHarness, ketchWire } from './ketch.ts';
import { minute, response } from './quota-world.ts';

type Answering = (call: HttpCall) => HttpResult | Promise<HttpResult>;

/** The receiver of callbacks: a test may change its response, and every call is recorded. */
interface Called {
  answer: Answering;
  readonly calls: (HttpCall & { readonly at: number })[];
}

export interface CalledBack {
  readonly harness: Harness;
  readonly called: Called;
  /** The one receipt. */
  receipt(): Promise<Receipt>;
  /** Whether the identifiers, the callbacks and their headers are still stored. */
  isKept(): Promise<boolean>;
  /** Moves the clock and sweeps. */
  sweepAfter(ms: number): Promise<void>;
}

export const targets = [
  { url: 'https://dsr.ketch.com/callback', headers: { Authorization: 'Bearer cb-token-1' } },
  { url: 'https://dsr.ketch.com/other', headers: { 'X-Key': 'cb-token-2' } },
];

/** Accepts a request for crm-1 with these callbacks while Voucherify is down, and then restores Voucherify. */
export async function harnessWithCallbacks(
  callbacks: readonly object[] = targets.slice(0, 1),
  options: Parameters<typeof ketchHarness>[0] & { readonly at?: number } = {},
): Promise<CalledBack> {
  const called: Called = { answer: () => response(200), calls: [] };
  const clock = { now: () => options.at ?? fixtureTime };
  const harness = ketchHarness({
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
  addPerson(harness, 'crm-1');
  harness.sandbox.outage('error');
  await harness.send(ketchWire(deleteRequest({ identities: [account('crm-1')], callbacks })));
  harness.sandbox.outage(undefined);
  const receipt = async () => {
    const [only] = await harness.receipts();
    if (only === undefined) throw new Error('no receipt was stored');
    return only;
  };
  return {
    harness,
    called,
    receipt,
    isKept: async () => (await harness.services.store.readPersonalData((await receipt()).id)) !== undefined,
    sweepAfter: async ms => {
      await harness.sweep(harness.clock.now + ms);
    },
  };
}

/** Sweeps once a minute, as the schedule does, and jumps over the minutes in which nothing is due. */
export async function sweepUntil({ harness, receipt }: CalledBack, end: number): Promise<void> {
  while (harness.clock.now < end) {
    const { nextAttemptAt = end } = await receipt();
    const due = Math.ceil((Math.max(nextAttemptAt, harness.clock.now + 1) - fixtureTime) / minute) * minute;
    harness.clock.now = Math.min(end, fixtureTime + due);
    await harness.sweep();
  }
}
