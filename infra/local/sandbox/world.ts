import type { SQLTagStore } from 'node:sqlite';
import type { SandboxKeys } from './keys.ts';

/** How many calls a project has per period; periods start at whole multiples of their length since the epoch. */
export interface RateLimit {
  readonly calls: number;
  readonly periodSeconds: number;
}

/** What every answer is made from. */
export interface SandboxContext {
  readonly sql: SQLTagStore;
  readonly keys: SandboxKeys;
  readonly limit: RateLimit;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** 24 letters and digits, never the same twice. */
  readonly random: () => string;
}

/** The moment as ISO 8601 with milliseconds, the form of every time that Voucherify sends. */
export function isoNow(world: SandboxContext): string {
  return new Date(world.now()).toISOString();
}

/** An id for support, in the form of the examples: `v-` and 18 characters. */
export function requestId(world: SandboxContext): string {
  return `v-${world.random().slice(0, 18)}`;
}
