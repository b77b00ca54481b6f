import { onTestFinished } from 'vitest';
import { openSandbox, type Sandbox, Unreachable } from '../../infra/local/sandbox/sandbox.ts';
import type { HttpCall, HttpResult } from '../../lambda/io/http-client.ts';
import type { ApiKey } from '../../lambda/voucherify/credentials.ts';
import {
  type CredentialProvider,
  type CredentialResult,
  oauthCredentials,
} from '../../lambda/voucherify/credentials.ts';
import { now } from './pace-heard.ts';

const baseUrl = 'https://api.voucherify.io';
export const oldKeys: ApiKey = { appId: 'app-old', appToken: 'token-old' };
export const newKeys: ApiKey = { appId: 'app-new', appToken: 'token-new' };

/** One project of the sandbox, reached over its own `respond`, and a prover by OAuth. */
export interface TokenHouse {
  readonly clock: { now: number };
  readonly sandbox: Sandbox;
  readonly prove: CredentialProvider;
  /** What the secret holds, and what a cache still believes; `undefined` cannot be read. */
  readonly secret: { newest: ApiKey | undefined; cached: ApiKey | undefined };
  /** Whether each look at the secret was for a fresh one. */
  readonly looks: boolean[];
  readonly calls: readonly HttpCall[];
  /** Stands between us and the sandbox. */
  meddle: ((call: HttpCall, pass: () => HttpResult) => HttpResult | Promise<HttpResult>) | undefined;
  send(call: HttpCall): Promise<HttpResult>;
  /** The status of a look-up under these credentials. */
  status(proving: CredentialResult): Promise<number | undefined>;
}

export function tokenHouse(): TokenHouse {
  const clock = { now };
  const sandbox = openSandbox({
    now: () => clock.now,
    keys: [{ ...oldKeys, project: 'main' }],
    limit: { calls: 1_000_000, periodSeconds: 60 },
  });
  onTestFinished(() => sandbox.close());
  const secret: TokenHouse['secret'] = { newest: oldKeys, cached: oldKeys };
  const looks: boolean[] = [];
  const calls: HttpCall[] = [];
  const readKeys = async ({ fresh = false } = {}) => {
    looks.push(fresh);
    if (fresh) secret.cached = secret.newest;
    return secret.cached;
  };
  const house: TokenHouse = {
    clock,
    sandbox,
    prove: oauthCredentials(baseUrl, readKeys, () => clock.now),
    secret,
    looks,
    calls,
    meddle: undefined,
    send: async call => {
      calls.push(call);
      const pass = () => respond(sandbox, call);
      return house.meddle === undefined ? pass() : house.meddle(call, pass);
    },
    status: async proving => {
      if (proving.kind !== 'credentials') return undefined;
      const headers = { ...proving.headers, Accept: 'application/json' };
      const url = new URL('/v1/customers/nobody', baseUrl);
      const answer = respond(sandbox, { method: 'GET', url, headers, until: clock.now });
      return answer.kind === 'answer' ? answer.status : undefined;
    },
  };
  return house;
}

/** Time enough for everything. */
export const until = Number.MAX_SAFE_INTEGER;

/** Credentials of the house, or others than those that were refused. */
export function prove({ prove: ask, send }: TokenHouse, refused?: CredentialResult): Promise<CredentialResult> {
  return ask(send, until, refused?.kind === 'credentials' ? refused : undefined);
}

/** What the sandbox answers, as a sender would give it. */
export function respond(sandbox: Sandbox, { method, url, headers, body = '' }: HttpCall): HttpResult {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  try {
    const answer = sandbox.respond({ method, target: `${url.pathname}${url.search}`, headers: lower, body });
    return { kind: 'answer', ...answer };
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return {
      kind: 'no-answer',
      code: error.outage === 'hang' ? 'timed-out' : 'connection-lost',
      mayHaveExecuted: true,
    };
  }
}
