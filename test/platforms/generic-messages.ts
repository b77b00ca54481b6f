import { createHmac } from 'node:crypto';
import type { Wire } from '../support/event.ts';
import { createHarness, fixtureTime, type Harness, type HarnessOptions } from '../support/harness.ts';

export const signingSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
export const callbackUrl = 'https://privacy.example.com/done';

export const order = {
  type: 'erasure',
  request_id: 'req-1',
  identifiers: [
    { type: 'source_id', value: 'crm-10042' },
    { type: 'email', value: 'ada@example.com' },
  ],
};

type Options = Partial<HarnessOptions> & { section?: object; secret?: object };

/** A harness that serves a generic sender; `section` changes its settings and `secret` its secret. */
export function genericHarness({ section = {}, secret = {}, ...rest }: Options = {}): Harness {
  const text = JSON.stringify({ current: signingSecret, ...secret });
  const callbackOrigins = [new URL(callbackUrl).origin];
  return createHarness({
    platforms: { generic: { authentication: { kind: 'standard-webhooks' }, callbackOrigins, ...section } },
    secrets: { 'erasure/platform/generic': text },
    ...rest,
  });
}

interface Signing {
  readonly id?: string;
  readonly at?: number;
  readonly secret?: string;
}

/** The headers of a message as Standard Webhooks signs it. */
export function signed(
  body: string | Uint8Array,
  { id = 'msg_1', at = fixtureTime, secret = signingSecret }: Signing = {},
) {
  const timestamp = String(Math.floor(at / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${mac}` };
}

export function genericWire(body: unknown = order, headers: Wire['headers'] = {}, signing: Signing = {}): Wire {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    path: '/webhooks/generic',
    headers: { 'Content-Type': 'application/json', ...signed(text, signing), ...headers },
    body: text,
  };
}

/** How a request stands: the question is signed with the request's id for its own. */
export function question(id: string, headers: Wire['headers'] = {}, signing: Signing = {}): Wire {
  const path = `/webhooks/generic/${encodeURIComponent(id)}`;
  return { method: 'GET', path, headers: { ...signed('', { id, ...signing }), ...headers }, body: '' };
}
