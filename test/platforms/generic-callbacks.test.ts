import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { matchSignedMessage, parseSigningKeys } from '../../lambda/authenticity/signed-body.ts';
import type { HttpCall, Send } from '../../lambda/io/outbound.ts';
import { callbackUrl, genericHouse, genericWire, order, signingSecret } from './generic-messages.ts';

const previous = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';

describe('a callback', () => {
  test('tells how it ended, once, signed with both secrets', async () => {
    const calls: HttpCall[] = [];
    const house = await genericHouse({ secret: { previous }, change: () => ({ sendCallback: keeping(calls) }) });
    house.sandbox.outage('error');
    expect((await house.send(genericWire({ ...order, callback_url: callbackUrl }))).status).toBe(202);
    house.sandbox.outage(undefined);
    house.clock.at += 120_000;
    await house.sweep();
    await house.sweep();
    const [receipt] = await house.receipts();
    const [call, ...others] = calls;
    expect(others).toEqual([]);
    expect(call).toMatchObject({ method: 'POST', headers: { 'Content-Type': 'application/json' } });
    expect(call!.url.href).toBe(callbackUrl);
    const { deletions, ...told } = JSON.parse(call!.body!) as { deletions: object[] };
    expect(told).toEqual({
      request_id: 'req-1',
      receipt_id: receipt!.id,
      status: 'erased',
      completed_at: new Date(house.clock.at).toISOString(),
    });
    expect(deletions).toMatchObject([{ project: 'main', status: 'DONE' }]);
    expect(deletions[0]).not.toHaveProperty('related_object_id');
    for (const current of [signingSecret, previous]) {
      expect(provedBy(call!, current, house.clock.at)).toBe('current');
    }
    expect(call!.headers['webhook-id']).toBe(`${receipt!.id}:erased`);
  });

  test('is not owed when the answer said it all', async () => {
    const calls: HttpCall[] = [];
    const house = await genericHouse({ change: () => ({ sendCallback: keeping(calls) }) });
    expect((await house.send(genericWire({ ...order, callback_url: callbackUrl }))).status).toBe(200);
    house.clock.at += 120_000;
    await house.sweep();
    expect(calls).toEqual([]);
  });

  test('goes to no origin that settings do not list', async () => {
    const house = await genericHouse();
    await house.send(genericWire({ ...order, callback_url: 'https://evil.example/done' }));
    expect(house.alarms()).toEqual(['callback-origin-refused']);
    expect(await house.receipts()).toMatchObject([{ hasCallbacks: false }]);
  });

  test.each([
    ['header', 'in-house-current-secret-0001'],
    ['basic', 'form:current-secret-00000001'],
  ])('to a sender of the scheme %s is signed with the text of its secret', async (scheme, current) => {
    const { services, clock } = await genericHouse({ section: { scheme }, secret: { current } });
    const told = {
      reference: 'req-1',
      scope: '',
      receiptId: 'receipt-1',
      outcome: { kind: 'needs-review', expectedAt: clock.at },
      callbacks: [{ url: callbackUrl, headers: {} }],
    } as const;
    const means = { secret: async () => JSON.stringify({ current }), now: () => clock.at };
    const [call] = await services.platforms.get('generic')!.buildCallbacks(told, means);
    expect(JSON.parse(call!.body)).toMatchObject({ request_id: 'req-1', status: 'needs_review', deletions: [] });
    const seconds = Math.floor(clock.at / 1000);
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
