/** Random numbers from a seed: the same seed gives the same run. */
export interface Random {
  /** From 0 up to 1. */
  next(): number;
  /** A whole number from 0 up to `count`. */
  below(count: number): number;
  between(least: number, most: number): number;
  chance(probability: number): boolean;
  pick<const T>(list: readonly [T, ...T[]]): T;
  /** 24 letters and digits. */
  letters(): string;
  uuid(): string;
  /** Returns another source, seeded by this one: drawing from it does not change this one. */
  fork(): Random;
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Returns a Mulberry32 generator: fast, and uniform enough to choose faults. */
export function seeded(seed: number): Random {
  let state = Math.imul(seed + 1, 0x9e37_79b9) >>> 0;
  const next = () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (count: number) => Math.floor(next() * count);
  const letters = (count: number, from: string) => Array.from({ length: count }, () => from.charAt(below(from.length)));
  return {
    next,
    below,
    between: (least, most) => least + next() * (most - least),
    chance: probability => next() < probability,
    pick: list => list[below(list.length)] ?? list[0],
    letters: () => letters(24, alphabet).join(''),
    uuid: () => {
      const hex = letters(32, '0123456789abcdef').join('');
      return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join(
        '-',
      );
    },
    fork: () => seeded(below(4_294_967_296)),
  };
}
