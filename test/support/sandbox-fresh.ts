import { beforeEach } from 'vitest';
import { openSandbox, type Sandbox, type SandboxAnswer, type SandboxKey } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';
import type { RateLimit } from '../../infra/local/sandbox/world.ts';

type Headers = Readonly<Record<string, string>>;

export const START = Date.parse('2026-01-15T12:00:00.000Z');
export const ADA = 'cust_AdaExample00000000000001';

/** A key for each project, named after it. */
export const PROJECT_KEYS: readonly SandboxKey[] = [
  { appId: 'app-main', appToken: 'token-main', project: 'main' },
  { appId: 'app-shop', appToken: 'token-shop', project: 'shop' },
];

/** Keys as `key` gives them: two of one project and one of another. */
export const NUMBERED_KEYS: readonly SandboxKey[] = [
  { appId: 'app-1', appToken: 'token-1', project: 'main' },
  { appId: 'app-2', appToken: 'token-2', project: 'main' },
  { appId: 'app-3', appToken: 'token-3', project: 'shop' },
];

export interface FreshSandbox {
  /** The running test's own. */
  readonly sandbox: Sandbox;
  /** The sandbox's clock, at `START` when a test begins. */
  now: number;
  /** Starts over, with another rate limit. */
  open(limit?: RateLimit): void;
}

/** A sandbox with the seeded people, opened anew before each test of the calling file. */
export function freshSandbox(keys: readonly SandboxKey[]): FreshSandbox {
  let sandbox: Sandbox;
  const fresh: FreshSandbox = {
    now: START,
    get sandbox() {
      return sandbox;
    },
    open(limit) {
      fresh.now = START;
      const limited = limit === undefined ? {} : { limit };
      sandbox = openSandbox({ now: () => fresh.now, keys, seed: seededCustomers, ...limited });
    },
  };
  beforeEach(() => fresh.open());
  return fresh;
}

/** Calls with JSON and the key of a project; for `PROJECT_KEYS`. */
export function callerOf(fresh: FreshSandbox) {
  return (method: string, target: string, body?: unknown, app = 'main'): SandboxAnswer => {
    const headers = { 'x-app-id': `app-${app}`, 'x-app-token': `token-${app}`, 'content-type': 'application/json' };
    return fresh.sandbox.respond({ method, target, headers, body: body === undefined ? '' : JSON.stringify(body) });
  };
}

/** Reads a person with the given headers. */
export function getterOf(fresh: FreshSandbox) {
  return (headers: Headers, target = '/v1/customers/crm-10042'): SandboxAnswer =>
    fresh.sandbox.respond({ method: 'GET', target, headers, body: '' });
}

/** Asks for a bearer token with the given headers. */
export function tokensOf(fresh: FreshSandbox) {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  return (headers: Headers, body = 'grant_type=client_credentials&scope=customers'): SandboxAnswer =>
    fresh.sandbox.respond({ method: 'POST', target: '/v1/oauth/token', headers: { ...form, ...headers }, body });
}

/** The headers of the nth key, or of its id with the token of another. */
export function key(n: number, token = n): Record<string, string> {
  return { 'x-app-id': `app-${n}`, 'x-app-token': `token-${token}` };
}

export function json(answer: SandboxAnswer): unknown {
  return JSON.parse(answer.body);
}
