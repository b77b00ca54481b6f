import type { VersionedStore } from '../../../lambda/control/versioned-store.ts';
import type { HttpCall, HttpResult } from '../../../lambda/io/http-client.ts';
import type { Log } from '../../../lambda/io/log.ts';
import type { Signer } from '../../../lambda/receipts/evidence.ts';
import type { ReceiptStore } from '../../../lambda/receipts/store.ts';
import type { Settings } from '../../../lambda/settings.ts';
import type { ChooseFault, Port } from './faults.ts';
import type { Random } from './random.ts';

/** The response to a call, or the reason that there is none. */
export type Served = Extract<HttpResult, { kind: 'response' }> | 'cut' | 'silent';

export interface Stores {
  readonly store: ReceiptStore;
  readonly control: VersionedStore;
}

/** What all machines share: everything behind their adapters. */
export interface Environment {
  readonly settings: Settings;
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<void>;
  /** Maximum clock error of a machine, in milliseconds. */
  readonly skewMs: number;
  /** The error that all clocks have now, in milliseconds. */
  readonly clockErrorMs: () => number;
  readonly transmit: Transmit;
  /** Settles when an invocation with this timeout has timed out. */
  readonly timeout: (ms: number) => Promise<void>;
  readonly chooseFault: ChooseFault;
  readonly random: Random;
  /** Returns the stores for the next machine that starts. */
  readonly stores: () => Stores;
  /** Current values by secret name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Voucherify: `sent` is called when a call leaves a machine, `arrives` when it arrives. */
  readonly voucherify: {
    sent(call: HttpCall): void;
    arrives(call: HttpCall): Served;
    canDeny(call: HttpCall): boolean;
  };
  /** The platform's callback address. */
  readonly callbacks: { arrives(call: HttpCall): Served };
  readonly signer: Signer;
  readonly log: Log;
}

/** The clock and the delays of the simulation. */
export type Schedule = Pick<Environment, 'now' | 'wait' | 'transmit' | 'timeout'>;

/** Waits for the one-way delay of a call; `slow` takes seconds. */
export type Transmit = (port: Port, slow: boolean) => Promise<void>;

/** Whether a machine runs, is frozen or has crashed. */
export interface Lifecycle {
  isAlive(): boolean;
  /** Ends the machine: its pending calls never settle; only the listeners of `onCrash` are called. */
  crash(): Promise<never>;
  /** Freezes the machine for this number of milliseconds. */
  freeze(ms: number): void;
  /** Settles when the machine is not frozen; never after a crash. */
  whenRunning(): Promise<void>;
  onCrash(listener: () => void): void;
}

/** Returns a promise that never settles. */
export function never(): Promise<never> {
  return new Promise(() => undefined);
}

export function newLifecycle(now: () => number, wait: (ms: number) => Promise<void>): Lifecycle {
  let alive = true;
  let frozenUntil = 0;
  const listeners = new Set<() => void>();
  return {
    isAlive: () => alive,
    crash: () => {
      alive = false;
      for (const listener of listeners) listener();
      listeners.clear();
      return never();
    },
    freeze: ms => {
      frozenUntil = now() + ms;
    },
    whenRunning: async () => {
      while (alive && frozenUntil > now()) await wait(frozenUntil - now());
      if (!alive) await never();
    },
    onCrash: listener => listeners.add(listener),
  };
}
