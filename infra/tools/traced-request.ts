import { AsyncLocalStorage } from 'node:async_hooks';
import type { GatewayEvent } from '../../lambda/aws/api-gateway.ts';
import { type Adapters, createServices } from '../../lambda/services.ts';
import { webhookHandler } from '../../lambda/webhook.ts';
import { localKetchSecret } from '../local/embedded-secrets.ts';
import { contextUntil } from '../local/gateway.ts';
import { parseDemoSettings } from '../local/local-settings.ts';
import { openSqliteServices } from '../local/sqlite-services.ts';

/** Whether the running code was called by an adapter. */
const insideAdapter = new AsyncLocalStorage<boolean>();

/** Returns whether the running code belongs to the request path, not to an adapter that replaces one for AWS. */
export function isInRequestPath(): boolean {
  return insideAdapter.getStore() !== true;
}

/** A fixed time, so that every run is the same. */
const at = Date.parse('2026-01-15T12:00:00Z');

/**
 * Sends one Ketch erasure request for a seeded customer to the handler that Lambda runs, over local services, and
 * returns the HTTP status. `start` is called before the handler, `stop` after its reply.
 */
export async function sendTracedRequest(start: () => void, stop: () => void): Promise<number> {
  const local = await openSqliteServices({
    port: 0,
    sandboxPort: 0,
    settings: parseDemoSettings('http://127.0.0.1:1'),
    sweepMs: 3_600_000,
    claimMs: 60_000,
    backoffMs: 1,
    now: () => at,
    awsEndpoint: undefined,
    data: ':memory:',
    log: () => undefined,
  });
  const services = createServices({ ...markAdapters(local.adapters), random: () => 0.5 });
  const handler = webhookHandler(() => services);
  start();
  const { statusCode } = await handler(ketchEvent(), contextUntil(performance.now() + 15_000));
  stop();
  await local.close();
  return statusCode;
}

function markAdapters(adapters: Adapters): Adapters {
  const { store, control, readSecret } = adapters;
  return {
    ...adapters,
    store: marked(store),
    control: marked(control),
    readSecret: (...args) => insideAdapter.run(true, readSecret, ...args),
  };
}

/** Returns the same methods. What they call is not counted. */
function marked<T extends object>(adapter: T): T {
  return new Proxy(adapter, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function'
        ? (...args: unknown[]) => insideAdapter.run(true, () => member.apply(target, args))
        : member;
    },
  });
}

function ketchEvent(): GatewayEvent {
  const request = {
    property: 'shop',
    environment: 'production',
    regulation: 'gdpr',
    jurisdiction: 'eugdpr',
    identities: [{ identitySpace: 'account_id', identityFormat: 'raw', identityValue: 'crm-10042' }],
    callbacks: [],
    subject: { email: 'invented@example.com', firstName: 'Invented', lastName: 'Person' },
    submittedTimestamp: at / 1000,
    dueTimestamp: at / 1000 + 30 * 86_400,
  };
  const metadata = { uid: '22880925-aac5-42f9-a653-cb6921d361ff', tenant: 'axonic' };
  const body = JSON.stringify({ apiVersion: 'dsr/v1', kind: 'DeleteRequest', metadata, request });
  return {
    httpMethod: 'POST',
    path: '/webhooks/ketch',
    multiValueHeaders: {
      'Content-Type': ['application/json'],
      Accept: ['application/json'],
      Authorization: [localKetchSecret],
    },
    body: Buffer.from(body).toString('base64'),
    isBase64Encoded: true,
  };
}
