import { randomBytes } from 'node:crypto';
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

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** 24 letters and digits, as in Voucherify's example ids. Unlikely to repeat; not evenly spread, so no secret. */
export function randomId(): string {
  return Array.from(randomBytes(24), byte => ALPHABET.charAt(byte % ALPHABET.length)).join('');
}

/**
 * What may be wrong with the whole of Voucherify: `error` answers 500 in HTML, `down` breaks every connection,
 * `hang` takes requests and never answers.
 */
export type Outage = 'error' | 'down' | 'hang';

/** Thrown instead of an answer when nothing would come back over the wire. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  readonly outage: Exclude<Outage, 'error'>;

  constructor(outage: Exclude<Outage, 'error'>) {
    super(`the sandbox is set to ${outage}`);
    this.outage = outage;
  }
}
