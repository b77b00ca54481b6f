import { afterEach, beforeEach } from 'vitest';
import type { RateLimit } from '../../infra/local/sandbox/context.ts';
import { openSandbox, type Sandbox, type SandboxKey, type SandboxResponse } from '../../infra/local/sandbox/sandbox.ts';
import { seededCustomers } from '../../infra/local/sandbox/seeded-customers.ts';
import { type SandboxServer, serveSandbox } from '../../infra/local/sandbox/server.ts';

export type Headers = Readonly<Record<string, string>>;

export const START = Date.parse('2026-01-15T12:00:00.000Z');
export const ADA = 'cust_AdaExample00000000000001';

/** Two keys of project `main` and one of `shop`, as {@link key} names them. */
export const KEYS: readonly SandboxKey[] = [
  { appId: 'app-1', appToken: 'token-1', project: 'main' },
  { appId: 'app-2', appToken: 'token-2', project: 'main' },
  { appId: 'app-3', appToken: 'token-3', project: 'shop' },
];

/** The headers of the nth key, or of its id with the token of another. */
export function key(n: number, token = n): Headers {
  return { 'x-app-id': `app-${n}`, 'x-app-token': `token-${token}` };
}

export interface FreshSandbox {
  /** The sandbox of the running test. */
  readonly sandbox: Sandbox;
  /** The sandbox's clock, at `START` when a test begins. */
  now: number;
  /** Starts over, with another rate limit. */
  open(limit?: RateLimit): void;
  /** Sends a request, with a JSON body if there is one. */
  call(method: string, target: string, body?: unknown, headers?: Headers): SandboxResponse;
  /** Requests a bearer token. */
  token(headers: Headers, body?: string): SandboxResponse;
}

/** A sandbox with the seeded customers, opened before each test of the calling file. */
export function freshSandbox(): FreshSandbox {
  let sandbox: Sandbox;
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const fresh: FreshSandbox = {
    now: START,
    get sandbox() {
      return sandbox;
    },
    open(limit) {
      fresh.now = START;
      const limited = limit === undefined ? {} : { limit };
      sandbox = openSandbox({ now: () => fresh.now, keys: KEYS, seed: seededCustomers, ...limited });
    },
    call(method, target, body, headers = key(1)) {
      const sent = body === undefined ? { body: '' } : { body: JSON.stringify(body), type: 'application/json' };
      const typed = sent.type === undefined ? headers : { 'content-type': sent.type, ...headers };
      return sandbox.respond({ method, target, headers: typed, body: sent.body });
    },
    token: (headers, body = 'grant_type=client_credentials&scope=customers') =>
      sandbox.respond({ method: 'POST', target: '/v1/oauth/token', headers: { ...form, ...headers }, body }),
  };
  beforeEach(() => fresh.open());
  return fresh;
}

export interface ServedSandbox {
  readonly sandbox: Sandbox;
  /** Closed after the test; a test may put another in its place. */
  server: SandboxServer;
  readonly get: (path: string, headers?: Headers) => Promise<Response>;
  readonly post: (path: string, body?: unknown) => Promise<Response>;
}

/** A fresh sandbox that listens on a free port during each test of the calling file. */
export function servedSandbox(): ServedSandbox {
  const fresh = freshSandbox();
  const send = (path: string, init: RequestInit): Promise<Response> =>
    fetch(`${served.server.url}${path}`, { headers: key(1), signal: AbortSignal.timeout(5_000), ...init });
  const served: { server: SandboxServer } & Omit<ServedSandbox, 'server'> = {
    server: { url: '', port: 0, close: async () => undefined },
    get sandbox() {
      return fresh.sandbox;
    },
    get: path => send(path, {}),
    post(path, body) {
      const headers = { ...key(1), 'content-type': 'application/json' };
      return send(path, { method: 'POST', ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }) });
    },
  };
  beforeEach(async () => {
    served.server = await serveSandbox(fresh.sandbox, 0);
  });
  afterEach(() => served.server.close());
  return served;
}

export function json(answer: SandboxResponse): unknown {
  return JSON.parse(answer.body);
}
