import type { Port } from './faults.ts';

/** The way of a call over the wire; `slow` takes seconds. */
export type Travel = (port: Port, slow: boolean) => Promise<void>;

/** Whether one machine is still alive, and awake. */
export interface Life {
  isAlive(): boolean;
  /** Ends it: pending calls never settle, except for registered listeners. */
  crash(): Promise<never>;
  /** Freezes it for so many milliseconds. */
  freeze(ms: number): void;
  /** Settles when the machine runs; never for a dead one. */
  awake(): Promise<void>;
  onCrash(told: () => void): void;
}

/** A promise that never settles. */
export function never(): Promise<never> {
  return new Promise(() => undefined);
}

export function newLife(now: () => number, wait: (ms: number) => Promise<void>): Life {
  let alive = true;
  let frozenUntil = 0;
  const told = new Set<() => void>();
  return {
    isAlive: () => alive,
    crash: () => {
      alive = false;
      for (const one of told) one();
      told.clear();
      return never();
    },
    freeze: ms => {
      frozenUntil = now() + ms;
    },
    awake: async () => {
      while (alive && frozenUntil > now()) await wait(frozenUntil - now());
      if (!alive) await never();
    },
    onCrash: one => told.add(one),
  };
}
