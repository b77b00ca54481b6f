import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../lambda/receipts/store.ts';
import type { Adapters } from '../../lambda/services.ts';
import type { HarnessOptions } from './harness.ts';

/** A store that fails one kind of write as long as it is told to, as if the process had ended there. */
export interface CrashingStore {
  readonly options: HarnessOptions;
  /** Which write fails from now on; none when undefined. */
  at: 'pins' | 'result' | undefined;
  /** The receipts this befalls; all of them when undefined. */
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

/** A claim leaves a claim without a result behind, a result none. */
function kindOf(next: Receipt, pins: boolean): 'pins' | 'result' | 'claim' {
  if (pins) return 'pins';
  return next.unrecordedClaims === 0 && next.claims > 0 ? 'result' : 'claim';
}
