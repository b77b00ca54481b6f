import type { Random } from './random.ts';

/** Where a machine's calls go. */
export type Port = 'store' | 'control' | 'secret' | 'voucherify' | 'callback' | 'signer';

/**
 * What becomes of one call. `cut-before` and `hang` have no effect on the other side, `cut-after` and `refused-after`
 * have theirs and lose or falsify the answer; `denied` answers a deletion 404 and deletes nobody; `reset` is that of a
 * connection that was used before, after the other side has read the call; `stall` freezes the machine with the answer in its hands, as Lambda freezes
 * one between two invocations; after a crash nothing of the machine ever goes on.
 */
export type Fate =
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
  | 'reset'
  | 'stall'
  | 'crash-before'
  | 'crash-after';

/** Decides the outcome of the next call. */
export type Fates = (port: Port, verb: string) => Fate;

/** The probability of each fault; all other calls succeed. */
export type Mix = Readonly<Record<Port, readonly (readonly [fate: Fate, probability: number])[]>>;

/** Nothing ever fails. */
export const calm: Mix = { store: [], control: [], secret: [], voucherify: [], callback: [], signer: [] };

const crashes: Mix['store'] = [
  ['crash-before', 0.0005],
  ['crash-after', 0.0005],
];
const storage: Mix['store'] = [...crashes, ['throttled', 0.003], ['cut-before', 0.001], ['cut-after', 0.001]];

/**
 * The mix in which designs were compared: of the calls to Voucherify 5 % answer 500, 2 % time out before their effect,
 * 3 % lose the answer after it, 0.2 % crash; and beside that a little of everything on every other port.
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

/** Returns random outcomes with the probabilities of a mix. */
export function drawnFrom(mix: Mix, random: Random): Fates {
  return port => {
    let drawn = random.next();
    for (const [fate, probability] of mix[port]) {
      drawn -= probability;
      if (drawn < 0) return fate;
    }
    return 'ok';
  };
}

/** Returns whether the call takes effect. */
export function reaches(fate: Fate): boolean {
  return !['throttled', 'refused', 'denied', 'hang', 'cut-before', 'malformed', 'crash-before'].includes(fate);
}

/** Whether a store or a secret throws instead of answering. */
export function throws(fate: Fate): boolean {
  return ['throttled', 'refused', 'refused-after', 'hang', 'cut-before', 'cut-after'].includes(fate);
}
