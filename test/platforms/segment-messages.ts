import { createHmac } from 'node:crypto';
import type { Wire } from '../support/event.ts';
import { createHarness, type Harness, type HarnessOptions } from '../support/harness.ts';

export const signingSecret = 'segment-secret-of-the-tests-1';
export const headerSecret = 'segment-header-of-the-tests-1';

export const deletion = {
  type: 'delete',
  userId: 'crm-10042',
  messageId: 'delete-reg-1::job-1',
  timestamp: '2026-01-15T11:59:58.276Z',
};

type Options = Partial<Omit<HarnessOptions, 'platforms' | 'secrets'>> & { section?: object; secret?: object };

/** A harness that serves Segment; `section` changes its settings and `secret` its secret. */
export function segmentHarness({ section = {}, secret = {}, ...rest }: Options = {}): Harness {
  const text = JSON.stringify({ current: signingSecret, header: headerSecret, ...secret });
  return createHarness({ platforms: { segment: section }, secrets: { 'erasure/platform/segment': text }, ...rest });
}

/** A message as Segment signs it: an array by its first event, with the secret header beside it. */
export function segmentWire(body: unknown = deletion, headers: Wire['headers'] = {}, secret = signingSecret): Wire {
  const sent = typeof body === 'string' ? body : JSON.stringify(body);
  const signed = Array.isArray(body) && body.length > 0 ? JSON.stringify(body[0]) : sent;
  return {
    path: '/webhooks/segment',
    headers: {
      'User-Agent': 'Segment.io/1.0',
      'Content-Type': 'application/json',
      'X-Signature': createHmac('sha1', secret).update(signed).digest('hex'),
      ...(Array.isArray(body) ? { 'x-webhook-secret': headerSecret } : {}),
      ...headers,
    },
    body: sent,
  };
}
