import type { Random } from './random.ts';

/** The adapters of a machine. */
export type Port = 'store' | 'control' | 'secret' | 'voucherify' | 'callback' | 'signer';

/**
 * The fault of one call. `cut-before` and `hang` have no effect on the other side. `cut-after` and `refused-after` take
 * effect, but their response is lost or false. `denied` returns a 404 for a deletion and deletes nothing. `rejected` refuses a
 * look-up, and `oversized` returns more than the client reads. `reset` closes a reused connection after the other side
 * has read the call. `stall` freezes the machine before it gets the response, as Lambda does between two invocations.
 * After a crash the machine never continues.
 */
export type Fault =
  | 'ok'
  | 'slow'
  | 'throttled'
  | 'refused'
  | 'refused-after'
  | 'hang'
  | 'cut-before'
  | 'cut-after'
  | 'malformed'
  | 'malformed-after'
  | 'denied'
  | 'rejected'
  | 'oversized'
  | 'reset'
  | 'stall'
  | 'crash-before'
  | 'crash-after';

/** Returns the fault of the next call. */
export type ChooseFault = (port: Port, verb: string) => Fault;

/** The probability of each fault; all other calls succeed. */
export type Mix = Readonly<Record<Port, readonly (readonly [fault: Fault, probability: number])[]>>;

/** No faults. */
export const calm: Mix = { store: [], control: [], secret: [], voucherify: [], callback: [], signer: [] };

const crashes: Mix['store'] = [
  ['crash-before', 0.0005],
  ['crash-after', 0.0005],
];
const storage: Mix['store'] = [...crashes, ['throttled', 0.003], ['cut-before', 0.001], ['cut-after', 0.001]];

/**
 * The mix in which designs were compared: of the calls to Voucherify 5 % return a 5xx, 2 % time out before their effect,
 * 3 % lose the response after it, 0.2 % crash. All other adapters fail with a small probability.
 */
export const usual: Mix = {
  store: storage,
  control: storage,
  secret: [...crashes, ['cut-before', 0.005]],
  voucherify: [
    ['refused', 0.05],
    ['hang', 0.02],
    ['cut-after', 0.03],
    ['crash-before', 0.001],
    ['crash-after', 0.001],
  ],
  callback: [...crashes, ['refused', 0.05], ['hang', 0.02], ['cut-before', 0.02], ['cut-after', 0.03]],
  signer: [...crashes, ['cut-before', 0.01], ['cut-after', 0.01]],
};

const wildCrashes: Mix['store'] = [
  ['crash-before', 0.004],
  ['crash-after', 0.004],
  ['stall', 0.003],
];
const wildStorage: Mix['store'] = [
  ...wildCrashes,
  ['throttled', 0.02],
  ['cut-before', 0.01],
  ['cut-after', 0.01],
  ['slow', 0.02],
];

/** All faults, with high probability. */
export const wild: Mix = {
  store: wildStorage,
  control: wildStorage,
  secret: wildStorage,
  signer: wildStorage,
  voucherify: [
    ...wildCrashes,
    ...wildCrashes,
    ['throttled', 0.005],
    ['refused', 0.05],
    ['refused-after', 0.02],
    ['hang', 0.03],
    ['cut-before', 0.03],
    ['cut-after', 0.05],
    ['malformed', 0.005],
    ['malformed-after', 0.005],
    ['denied', 0.01],
    ['reset', 0.01],
    ['slow', 0.03],
    ['rejected', 0.003],
    ['oversized', 0.003],
  ],
  callback: [
    ...wildCrashes,
    ['throttled', 0.02],
    ['refused', 0.1],
    ['hang', 0.05],
    ['cut-before', 0.05],
    ['cut-after', 0.1],
    ['slow', 0.05],
  ],
};

/** Returns random faults with the probabilities of a mix. */
export function randomFaults(mix: Mix, random: Random): ChooseFault {
  return port => {
    let drawn = random.next();
    for (const [fault, probability] of mix[port]) {
      drawn -= probability;
      if (drawn < 0) return fault;
    }
    return 'ok';
  };
}

/** Returns whether the call takes effect. */
export function takesEffect(fault: Fault): boolean {
  return !['throttled', 'refused', 'denied', 'rejected', 'hang', 'cut-before', 'malformed', 'crash-before'].includes(
    fault,
  );
}

/** Returns whether the call of a store or secret throws instead of returning. */
export function throws(fault: Fault): boolean {
  return ['throttled', 'refused', 'refused-after', 'hang', 'cut-before', 'cut-after'].includes(fault);
}
