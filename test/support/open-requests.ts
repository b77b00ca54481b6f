import { expect } from 'vitest';
import type { ErasureRequest } from '../../lambda/domain/erasure.ts';
import { jsonReply } from '../../lambda/domain/http.ts';
import type { ParsedRequest, Platform } from '../../lambda/platforms/platform.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import type { Wire } from './event.ts';
import type { Harness, HarnessOptions } from './harness.ts';
import { callback, deleteRequest, ketchHarness, ketchWire } from './ketch.ts';
import { requestOf } from './requests.ts';

export function withCallback(request: object = {}): Wire {
  return ketchWire(deleteRequest({ callbacks: [callback], ...request }));
}

export const inProgress = { status: 200, json: { response: { status: 'in_progress' } } };
export const unavailable = {
  status: 503,
  headers: { 'retry-after': '60' },
  json: { error: { status: 'unavailable' } },
};

/** A harness whose Voucherify is down. */
export function downHarness(options: Partial<HarnessOptions> = {}): Harness {
  const harness = ketchHarness(options);
  harness.sandbox.outage('error');
  return harness;
}

/** The only receipt there is. */
export async function receiptOf(harness: Harness): Promise<Receipt> {
  const [receipt, ...others] = await harness.receipts();
  expect(others).toEqual([]);
  return receipt!;
}

export async function sweepLater(harness: Harness, ms = 3_600_000): Promise<void> {
  harness.clock.now += ms;
  await harness.sweep();
}

export const request = { ...requestOf({}), path: '/webhooks/steps' };
const erasure: ErasureRequest = {
  reference: 'r-1',
  scope: 's',
  identities: [],
  identifiers: [{ kind: 'source_id', value: 'crm-10042' }],
  callbacks: [],
};

/** A reply that names the outcomes, and records its step. */
export function repliesWith(steps: string[]): ParsedRequest['reply'] {
  return results => {
    steps.push('answer');
    return jsonReply(
      200,
      results.map(({ outcome }) => outcome.kind),
    );
  };
}

/** A platform that records each of its steps; `change` replaces one. */
export function recordingPlatform(steps: string[], change: Partial<Platform> = {}): Platform {
  const recorded = <T>(step: string, result: T) => {
    steps.push(step);
    return result;
  };
  return {
    responseMode: 'result',
    callbackOrigins: [],
    projects: undefined,
    checkSecret: () => recorded('check-secret', undefined),
    verify: async () => recorded('verify', { scheme: 'none', secret: 'current' as const }),
    parse: () => recorded<ParsedRequest>('read', { erase: [erasure], reply: repliesWith(steps) }),
    errorReply: (_, failure) => recorded('refuse', jsonReply(failure.status, failure.code)),
    buildCallbacks: async () => recorded('notify', []),
    ...change,
  };
}
