import { afterEach, beforeEach } from 'vitest';
import type { Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { type SandboxServer, serveSandbox } from '../../infra/local/sandbox/server.ts';
import { freshSandbox } from './sandbox-fresh.ts';

export const HEADERS = { 'X-App-Id': 'app-1', 'X-App-Token': 'token-1' };

export interface ServedSandbox {
  /** The running test's own. */
  readonly sandbox: Sandbox;
  /** Closed after the test; a test may put another in its place. */
  server: SandboxServer;
  readonly get: (path: string) => Promise<Response>;
  readonly post: (path: string, body?: unknown) => Promise<Response>;
}

/** A fresh sandbox with one key, served on a free port during each test of the calling file. */
export function servedSandbox(): ServedSandbox {
  const fresh = freshSandbox([{ appId: 'app-1', appToken: 'token-1', project: 'main' }]);
  let server: SandboxServer;
  beforeEach(async () => {
    server = await serveSandbox(fresh.sandbox, 0);
  });
  afterEach(() => server.close());
  const send = (path: string, init: RequestInit): Promise<Response> =>
    fetch(`${server.url}${path}`, { headers: HEADERS, signal: AbortSignal.timeout(60_000), ...init });
  return {
    get sandbox() {
      return fresh.sandbox;
    },
    get server() {
      return server;
    },
    set server(another) {
      server = another;
    },
    get: path => send(path, {}),
    post(path, body) {
      const headers = { ...HEADERS, 'content-type': 'application/json' };
      return send(path, { method: 'POST', ...(body === undefined ? {} : { headers, body: JSON.stringify(body) }) });
    },
  };
}
