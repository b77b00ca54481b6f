import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { matchSignedMessage, parseSigningKeys } from '../../lambda/authentication/signed-body.ts';
import type { HttpCall, Send } from '../../lambda/io/http-client.ts';
import { callbackUrl, genericHarness, genericWire, order, signingSecret } from './generic-messages.ts';

const previous = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';

describe('a callback', () => {
  test('tells how it ended, once, signed with both secrets', async () => {
    const calls: HttpCall[] = [];
    const harness = await genericHarness({ secret: { previous }, change: () => ({ sendCallback: keeping(calls) }) });
    harness.sandbox.outage('error');
    expect((await harness.send(genericWire({ ...order, callback_url: callbackUrl }))).status).toBe(202);
    harness.sandbox.outage(undefined);
    harness.clock.now += 120_000;
    await harness.sweep();
    await harness.sweep();
    const [receipt] = await harness.receipts();
    const [call, ...others] = calls;
    expect(others).toEqual([]);
    expect(call).toMatchObject({ method: 'POST', headers: { 'Content-Type': 'application/json' } });
    expect(call!.url.href).toBe(callbackUrl);
    const { deletions, ...told } = JSON.parse(call!.body!) as { deletions: object[] };
    expect(told).toEqual({
      request_id: 'req-1',
      receipt_id: receipt!.id,
      status: 'erased',
      final: true,
      completed_at: new Date(harness.clock.now).toISOString(),
    });
    expect(deletions).toMatchObject([{ project: 'main', status: 'DONE' }]);
    expect(deletions[0]).not.toHaveProperty('related_object_id');
    for (const current of [signingSecret, previous]) {
      expect(provedBy(call!, current, harness.clock.now)).toBe('current');
    }
    expect(call!.headers['webhook-id']).toBe(`${receipt!.id}:erased`);
  });

  test('is not owed when the answer said it all', async () => {
    const calls: HttpCall[] = [];
    const harness = await genericHarness({ change: () => ({ sendCallback: keeping(calls) }) });
    expect((await harness.send(genericWire({ ...order, callback_url: callbackUrl }))).status).toBe(200);
    harness.clock.now += 120_000;
    await harness.sweep();
    expect(calls).toEqual([]);
  });

  test('goes to no origin that settings do not list', async () => {
    const harness = await genericHarness();
    await harness.send(genericWire({ ...order, callback_url: 'https://evil.example/done' }));
    expect(harness.alarms()).toEqual(['callback-origin-refused']);
    expect(await harness.receipts()).toMatchObject([{ hasCallbacks: false }]);
  });

  test.each([
    ['header', 'in-house-current-secret-0001'],
    ['basic', 'form:current-secret-00000001'],
  ])('to a sender of the scheme %s is signed with the text of its secret', async (scheme, current) => {
    const { services, clock } = await genericHarness({
      section: { authentication: { kind: scheme } },
      secret: { current },
    });
    const told = {
      reference: 'req-1',
      scope: '',
      receivedAt: 0,
      receiptId: 'receipt-1',
      outcome: { kind: 'needs-review', expectedAt: clock.now },
      callbacks: [{ url: callbackUrl, headers: {} }],
    } as const;
    const means = { secret: async () => JSON.stringify({ current }), now: () => clock.now };
    const [call] = await services.platforms.get('generic')!.buildCallbacks(told, means);
    expect(JSON.parse(call!.body)).toMatchObject({ request_id: 'req-1', status: 'needs_review', deletions: [] });
    const seconds = Math.floor(clock.now / 1000);
    const mac = createHmac('sha256', current)
      .update(`receipt-1:needs_review.${seconds}.${call!.body}`)
      .digest('base64');
    expect(call!.headers).toMatchObject({ 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${mac}` });
  });
});

function keeping(calls: HttpCall[]): Send {
  return async call => {
    calls.push(call);
    return { kind: 'answer', status: 204, headers: {}, body: '' };
  };
}

/** What a receiver with this secret makes of a callback. */
function provedBy({ headers, body }: HttpCall, current: string, now: number) {
  const message = {
    id: headers['webhook-id']!,
    timestamp: headers['webhook-timestamp']!,
    signature: headers['webhook-signature']!,
    body: Buffer.from(body!),
  };
  return matchSignedMessage(message, parseSigningKeys(JSON.stringify({ current })), now);
}
