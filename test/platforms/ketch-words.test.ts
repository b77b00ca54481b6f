import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../lambda/domain/erasure.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { ketch } from '../../lambda/platforms/ketch.ts';
import { jsonOrUndefined } from '../support/event.ts';
import { callback, deleteRequest, ketchSection, tenant, uid } from '../support/ketch.ts';
import { requestOf } from '../support/requests.ts';

describe('what Ketch is told', () => {
  const platform = ketch(ketchSection);
  const answer = (outcome: Outcome, callbackFollows: boolean) => {
    const answered = { reference: uid, receivedAt: 0, receiptId: 'receipt-1', outcome, callbackFollows };
    const { status, body, headers } = platform.parse(requestOf(deleteRequest())).reply([answered]);
    return { status, headers, json: jsonOrUndefined(body) };
  };

  test.each([
    ['erased', 'executed'],
    ['no-match', 'no_match'],
    ['not-identifiable', 'insufficient_identification'],
    ['refused', 'unknown'],
  ] as const)('of the outcome %s is completed, because of %s, with or without callbacks', (kind, reason) => {
    for (const callbackFollows of [true, false]) {
      expect(answer({ kind, at: 1999, deletions: [] }, callbackFollows)).toMatchObject({
        status: 200,
        json: {
          apiVersion: 'dsr/v1',
          kind: 'DeleteResponse',
          metadata: { uid, tenant },
          response: { status: 'completed', reason, expectedCompletionTimestamp: 1, requestID: 'receipt-1' },
        },
      });
    }
  });

  test.each(['in-progress', 'needs-review'] as const)('of the outcome %s is the same either way', kind => {
    const open = answer({ kind, expectedAt: 900_999 }, true);
    expect(open).toMatchObject({
      status: 200,
      json: { response: { status: 'in_progress', expectedCompletionTimestamp: 900 } },
    });
    expect(open.json).not.toHaveProperty('response.reason');
    expect(open.json).toHaveProperty('response.resultMessage', 'Deletion in progress.');
    expect(answer({ kind, expectedAt: 900_999 }, false)).toMatchObject({
      status: 503,
      headers: { 'Retry-After': '60' },
      json: { kind: 'Error', metadata: { uid, tenant }, error: { code: 503, status: 'unavailable' } },
    });
  });

  test('is never an answer about nothing', () => {
    expect(() => platform.parse(requestOf(deleteRequest())).reply([])).toThrow(Failure);
  });

  test.each([
    ['invalid', 400, 'invalid'],
    ['unauthorized', 401, 'forbidden'],
    ['forbidden', 403, 'forbidden'],
    ['not-found', 404, 'not_found'],
    ['method-not-allowed', 405, 'invalid'],
    ['conflict', 409, 'conflict'],
    ['too-large', 413, 'invalid'],
    ['unsupported-media-type', 415, 'invalid'],
    ['internal', 500, 'internal'],
    ['unimplemented', 501, 'unimplemented'],
    ['unavailable', 503, 'unavailable'],
  ] as const)('of a refusal %s is %i %s', (code, status, word) => {
    const reply = platform.errorReply(
      requestOf(deleteRequest()),
      new Failure(code, 'why', { headers: { Allow: 'POST' } }),
    );
    expect(reply.status).toBe(status);
    expect(jsonOrUndefined(reply.body)).toEqual({
      apiVersion: 'dsr/v1',
      kind: 'Error',
      error: { code: status, status: word, message: 'why' },
    });
    expect(reply.headers).toEqual({
      'Content-Type': 'application/json',
      ...(code === 'unavailable' ? { 'Retry-After': '60' } : { Allow: 'POST' }),
    });
  });

  test('later is one event for each callback, with the headers that came with it', async () => {
    const callbacks = [callback, { url: 'https://dsr.ketch.com/2', headers: { 'X-Two': '2', Accept: 'text/json' } }];
    const outcome = { kind: 'refused', at: 5000, deletions: [] } as const;
    const means = { secret: () => Promise.reject(new Error('needs none')), now: () => 0 };
    const calls = await platform.buildCallbacks(
      { reference: uid, scope: tenant, receivedAt: 0, receiptId: 'r', outcome, callbacks },
      means,
    );
    expect(calls.map(({ url, method, headers }) => ({ url, method, headers }))).toEqual([
      {
        url: callback.url,
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/json', ...callback.headers },
      },
      {
        url: 'https://dsr.ketch.com/2',
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'text/json', 'X-Two': '2' },
      },
    ]);
    const event = { status: 'completed', reason: 'unknown', expectedCompletionTimestamp: 5, requestID: 'r' };
    for (const { body } of calls) {
      expect(jsonOrUndefined(body)).toMatchObject({ kind: 'DeleteStatusEvent', metadata: { uid, tenant }, event });
    }
  });
});
