import fc from 'fast-check';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import { isFinal, type Receipt } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import type { Adapters } from '../../lambda/services.ts';
import { createHarness, type Harness, type HarnessOptions } from './harness.ts';
import { html, notFound, response } from './voucherify-responses.ts';

/** A store in which one kind of write fails, as if the process had ended there. */
export interface CrashingStore {
  readonly options: HarnessOptions;
  /** Which write fails from now on; none when undefined. */
  at: 'pins' | 'result' | undefined;
  /** The receipt whose writes fail; every receipt when undefined. */
  only: string | undefined;
}

export function crashingStore(options: HarnessOptions = {}): CrashingStore {
  const crashing: CrashingStore = { options: { ...options, change }, at: undefined, only: undefined };
  return crashing;

  function change({ store }: Adapters): Partial<Adapters> {
    const replace: ReceiptStore['replace'] = async (next, also = {}) => {
      const here = crashing.only === undefined || crashing.only === next.id;
      if (here && crashing.at !== undefined && kindOf(next, also.pins !== undefined) === crashing.at) {
        throw new Error('the process ended');
      }
      return store.replace(next, also);
    };
    return { store: { ...store, replace } };
  }
}

/** A claim increases `unrecordedClaims`; a result sets it to 0. */
function kindOf(next: Receipt, pins: boolean): 'pins' | 'result' | 'claim' {
  if (pins) return 'pins';
  return next.unrecordedClaims === 0 && next.claims > 0 ? 'result' : 'claim';
}

/** Faults of a call to Voucherify. With `after`, the call is executed first. */
const callFaults = [
  ...['none', 'none', 'lost', 'lost-after', 'refused', 'error', 'error-after', 'throttled', 'unauthorized', 'empty'],
  ...['empty-after', 'deletion-not-found', 'deleted-meanwhile', 'registered-meanwhile', 'swept-meanwhile'],
] as const;
/** Faults of a write of the receipt. With `after`, it is written first. */
const writeFaults = ['none', 'none', 'none', 'fails', 'fails-after'] as const;

type CallFault = (typeof callFaults)[number];

export const faultScript = fc.record({
  calls: fc.array(fc.constantFrom(...callFaults), { maxLength: 12 }),
  writes: fc.array(fc.constantFrom(...writeFaults), { maxLength: 8 }),
});

export interface FaultyHarness {
  readonly harness: Harness;
  /** Writes of receipts that had been closed before: there must be none. */
  readonly writtenAgain: readonly Receipt[];
  /** From here on nothing goes wrong any more. */
  heal(): void;
}

/** A harness in which calls and writes fail by the script. */
export function createFaultyHarness(
  script: { readonly calls: readonly CallFault[]; readonly writes: readonly (typeof writeFaults)[number][] },
  meanwhile: { readonly deletes: (harness: Harness) => void; readonly registers: (harness: Harness) => void },
): FaultyHarness {
  const [calls, writes] = [[...script.calls], [...script.writes]];
  const writtenAgain: Receipt[] = [];
  const change: HarnessOptions['change'] = ({ store }) => ({
    store: faultyStore(store, writes, receipt => writtenAgain.push(receipt)),
  });
  const harness = createHarness({ change });
  const act = (fault: CallFault) => {
    if (fault === 'deleted-meanwhile') meanwhile.deletes(harness);
    if (fault === 'registered-meanwhile') meanwhile.registers(harness);
  };
  harness.intercept = async ({ method }, pass) => {
    const fault = calls.shift() ?? 'none';
    act(fault);
    if (fault === 'swept-meanwhile') {
      await harness.sweep(harness.clock.now + 61_000);
    }
    return answered(fault, method, pass);
  };
  return {
    harness,
    writtenAgain,
    heal: () => {
      calls.length = 0;
      writes.length = 0;
    },
  };
}

function answered(fault: CallFault, method: string, pass: () => HttpResult): HttpResult {
  if (fault.endsWith('-after')) pass();
  switch (fault) {
    case 'lost':
    case 'lost-after':
      return { kind: 'no-response', code: 'timed-out', mayHaveExecuted: true };
    case 'refused':
      return { kind: 'no-response', code: 'not-connected', mayHaveExecuted: false };
    case 'error':
    case 'error-after':
      return response(502, html);
    case 'throttled':
      return response(429, {});
    case 'unauthorized':
      return response(401, {});
    case 'deletion-not-found':
      return method === 'POST' ? response(404, notFound) : pass();
    case 'empty':
    case 'empty-after':
      return response(200, {});
    default:
      return pass();
  }
}

function faultyStore(
  store: ReceiptStore,
  faults: (typeof writeFaults)[number][],
  writtenAgain: (receipt: Receipt) => void,
): ReceiptStore {
  return {
    ...store,
    replace: async (next, also) => {
      const fault = faults.shift() ?? 'none';
      if (fault === 'fails') throw new Error('the store failed');
      const before = await store.read(next.id);
      const written = await store.replace(next, also);
      if (written && before !== undefined && isFinal(before.state)) writtenAgain(next);
      if (fault === 'fails-after') throw new Error('the store failed after it wrote');
      return written;
    },
  };
}
