import { randomBytes } from 'node:crypto';
import type { SQLTagStore } from 'node:sqlite';
import type { StoredCustomer } from './customer.ts';

/** The calls of a project per fixed window; windows start at multiples of their length since the epoch. */
export interface RateLimit {
  readonly calls: number;
  readonly periodSeconds: number;
}

/** What the sandbox needs to respond to a request. */
export interface SandboxContext {
  readonly sql: SQLTagStore;
  readonly keys: SandboxKeys;
  readonly limit: RateLimit;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Returns 24 letters and digits, unique for each call. */
  readonly random: () => string;
  /** How long a customer is still returned after a permanent deletion, in milliseconds. */
  readonly shownMs: number;
  /** The permanently deleted customers that are still returned, and until when. A restart forgets it. */
  readonly shownUntil: Map<string, number>;
  /** Called after a customer was created or updated. */
  readonly changed: (customer: StoredCustomer) => void;
}

/** Returns the current time as ISO 8601 with milliseconds, the format of all times of Voucherify. */
export function isoNow(context: SandboxContext): string {
  return new Date(context.now()).toISOString();
}

/** Returns a request id in the format of Voucherify's examples: `v-` and 18 characters. */
export function requestId(context: SandboxContext): string {
  return `v-${context.random().slice(0, 18)}`;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Returns 24 letters and digits, as in Voucherify's example ids. Not uniformly distributed, so not for secrets. */
export function randomId(): string {
  return Array.from(randomBytes(24), byte => ALPHABET.charAt(byte % ALPHABET.length)).join('');
}

/**
 * An outage of Voucherify: `error` responds 500 with HTML, `down` closes every connection, `hang` accepts requests and
 * never responds, `quota` responds that the calls of the billing period are used up, and `key` rejects every key.
 */
export type Outage = 'error' | 'down' | 'hang' | 'quota' | 'key';

/** Thrown when the caller must not get a response. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  readonly outage: 'down' | 'hang';

  constructor(outage: 'down' | 'hang') {
    super(`the sandbox is set to ${outage}`);
    this.outage = outage;
  }
}

/** A server-side application key of a project; a project can have several. */
export interface SandboxKey {
  readonly appId: string;
  readonly appToken: string;
  readonly project: string;
}

/** The valid keys. */
export interface SandboxKeys {
  /** Adds a key, or replaces the token of the key with the same `appId` (a regenerated key). */
  add(key: SandboxKey): void;
  /** Deletes a key; does nothing for an unknown one. */
  revoke(appId: string): void;
  /** Returns the key with exactly this id and token. */
  matching(appId: string | undefined, appToken: string | undefined): SandboxKey | undefined;
  /** Returns the key with this id. Its token may be any. */
  byAppId(appId: string): SandboxKey | undefined;
  /** Returns the projects that have ever had a key, in order of their first key. */
  projects(): readonly string[];
}

/** Keeps the keys in memory: they are configuration, and a restart restores the configured ones. */
export function openSandboxKeys(initial: readonly SandboxKey[]): SandboxKeys {
  const valid = new Map<string, SandboxKey>();
  const projects = new Set<string>();
  const keys: SandboxKeys = {
    add(key) {
      valid.set(key.appId, key);
      projects.add(key.project);
    },
    revoke(appId) {
      valid.delete(appId);
    },
    matching(appId = '', appToken = '') {
      const key = valid.get(appId);
      return key?.appToken === appToken ? key : undefined;
    },
    byAppId: appId => valid.get(appId),
    projects: () => [...projects],
  };
  initial.forEach(keys.add);
  return keys;
}
