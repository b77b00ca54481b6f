import { describe, expect, test } from 'vitest';
import { leaks, token } from '../support/canary.ts';
import { type CanaryHouse, canaryHouse, expectSilence } from '../support/canary-house.ts';
import { uid } from '../support/ketch.ts';
import { scripted } from '../support/scripted-voucherify.ts';

const known = [{ source_id: token('field source id'), email: 'x@example.com', created_at: '2025-01-01T00:00:00Z' }];

describe('outside values', () => {
  test('erased customer: nothing appears or stays stored', async () => {
    const canary = await canaryHouse({ customers: known });
    const answer = await canary.send(canary.wire());
    expect(answer).toMatchObject({ status: 200, json: { response: { reason: 'executed' }, metadata: { uid } } });
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });

  test('no match: nothing appears or stays stored', async () => {
    const canary = await canaryHouse({ customers: [] });
    expect((await canary.send(canary.wire())).json).toHaveProperty('response.reason', 'no_match');
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });

  test('no usable identifier: nothing appears', async () => {
    const canary = await canaryHouse({ section: { identities: {} } });
    expect((await canary.send(canary.wire())).json).toHaveProperty('response.reason', 'insufficient_identification');
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });

  test('paused, repeated, conflict, sweep and callback: nothing appears', async () => {
    const heard: string[] = [];
    const receiver = await scripted(({ body }) => {
      heard.push(body);
      return { status: 200, body: { said: canary.planted.token('answer to callback') } };
    });
    const section = { callbackOrigins: [receiver] };
    const canary: CanaryHouse = await canaryHouse({ customers: known, limits: { holdSeconds: 60 }, section });
    const callbacks = [{ url: `${receiver}/${canary.planted.token('callback')}` }];
    expect((await canary.send(canary.wire({ callbacks }))).json).toHaveProperty('response.status', 'in_progress');
    expect(canary.identifiers()).toHaveLength(1);
    await canary.send(canary.wire({ callbacks }));
    expect((await canary.send(canary.wire({ identities: [] }))).status).toBe(409);
    canary.house.clock.at += 61_000;
    await canary.house.sweep();
    await canary.house.sweep();
    expectSilence(canary);
    expect(heard).toHaveLength(1);
    expect(leaks(canary.planted.tokens, { callback: heard.join('') })).toEqual([]);
    expect(canary.identifiers()).toEqual([]);
  });

  test('refused callback origin: nothing appears', async () => {
    const canary = await canaryHouse({ customers: known });
    const url = `https://${canary.planted.token('foreign host')}.example/`;
    expect((await canary.send(canary.wire({ callbacks: [{ url }] }))).status).toBe(200);
    expect(canary.house.alarms()).toEqual(['callback-origin-refused']);
    expectSilence(canary);
  });

  test('too many matches: nothing appears', async () => {
    const email = `${token('field mailbox')}+x@${token('field domain')}.example`;
    const customers = [1, 2, 3].map(at => ({ source_id: `s${at}`, email, created_at: '2025-01-01T00:00:00Z' }));
    const canary = await canaryHouse({ customers, limits: { customersPerRequest: 2 } });
    await canary.send(canary.wire());
    expect(canary.house.alarms()).toEqual(['needs-review']);
    expectSilence(canary);
  });
});
