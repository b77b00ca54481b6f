import { describe, expect, test } from 'vitest';
import type { Ports } from '../lambda/parts.ts';
import { leaks, token } from './support/canary.ts';
import { type CanaryHouse, canaryHouse } from './support/canary-house.ts';
import { crash } from './support/crash.ts';
import { uid } from './support/ketch.ts';
import { scripted } from './support/scripted-voucherify.ts';

function expectSilence({ planted, shown }: CanaryHouse): void {
  expect(planted.tokens.size).toBeGreaterThan(30);
  expect(leaks(planted.tokens, shown())).toEqual([]);
}

const known = [{ source_id: token('field source id'), email: 'x@example.com', created_at: '2025-01-01T00:00:00Z' }];

describe('nothing that came from outside shows', () => {
  test('when somebody is erased, and then it is not kept either', async () => {
    const canary = await canaryHouse({ customers: known });
    const answer = await canary.send(canary.wire());
    expect(answer).toMatchObject({ status: 200, json: { response: { reason: 'executed' }, metadata: { uid } } });
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });

  test('when nobody is found, and then it is not kept either', async () => {
    const canary = await canaryHouse({ customers: [] });
    expect((await canary.send(canary.wire())).json).toHaveProperty('response.reason', 'no_match');
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });

  test('when nobody can be looked up', async () => {
    const canary = await canaryHouse({ section: { identities: {} } });
    expect((await canary.send(canary.wire())).json).toHaveProperty('response.reason', 'insufficient_identification');
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });

  test('when it is held, asked for again, in conflict, swept and called back', async () => {
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

  test('when a callback goes to where it may not', async () => {
    const canary = await canaryHouse({ customers: known });
    const url = `https://${canary.planted.token('foreign host')}.example/`;
    expect((await canary.send(canary.wire({ callbacks: [{ url }] }))).status).toBe(200);
    expect(canary.house.alarms()).toEqual(['callback-origin-refused']);
    expectSilence(canary);
  });

  test('when too many are found', async () => {
    const email = `${token('field mailbox')}+x@${token('field domain')}.example`;
    const customers = [1, 2, 3].map(at => ({ source_id: `s${at}`, email, created_at: '2025-01-01T00:00:00Z' }));
    const canary = await canaryHouse({ customers, limits: { customersPerRequest: 2 } });
    await canary.send(canary.wire());
    expect(canary.house.alarms()).toEqual(['needs-human']);
    expectSilence(canary);
  });
});

describe('nothing of a refused message shows', () => {
  const planted = (name: string) => token(`refused ${name}`);
  const raw = `{"${planted('key')}":1,"${planted('key')}":2}`;

  test.each<[string, number, (canary: CanaryHouse) => Parameters<CanaryHouse['send']>[0]]>([
    ['its secret is wrong', 403, ({ wire }) => wire({}, {}, { Authorization: planted('secret') })],
    [
      'its secret comes twice',
      403,
      ({ wire }) => wire({}, {}, { Authorization: [planted('secret'), planted('again')] }),
    ],
    ['its path names nothing', 404, ({ wire }) => ({ ...wire(), path: `/webhooks/${planted('path')}` })],
    ['its path is odd', 404, ({ wire }) => ({ ...wire(), path: `/${planted('path')}` })],
    ['its path names a request', 404, ({ wire }) => ({ ...wire(), path: `/webhooks/ketch/${planted('path')}` })],
    ['its method is odd', 405, ({ wire }) => ({ ...wire(), method: planted('method') })],
    ['its type is odd', 415, ({ wire }) => wire({}, {}, { 'Content-Type': `text/${planted('type')}` })],
    ['it is too large', 413, ({ wire }) => ({ ...wire(), body: planted('body').repeat(3000) })],
    ['it is no JSON', 400, ({ wire }) => ({ ...wire(), body: planted('body') })],
    ['it is no UTF-8', 400, ({ wire }) => ({ ...wire(), body: Buffer.from(`${planted('body')}\u00ff`, 'latin1') })],
    ['a key stands twice', 400, ({ wire }) => ({ ...wire(), body: raw })],
    [
      'it is nested too deeply',
      400,
      ({ wire }) => ({ ...wire(), body: `${`{"${planted('key')}":`.repeat(30)}1${'}'.repeat(30)}` }),
    ],
    ['its version is odd', 400, ({ wire }) => wire({}, { apiVersion: planted('version') })],
    ['its kind is odd', 501, ({ wire }) => wire({}, { kind: planted('kind') })],
    ['its uid is none', 400, ({ wire }) => wire({}, { metadata: { uid: planted('uid'), tenant: 'axonic' } })],
    ['its tenant is not ours', 403, ({ wire }) => wire({}, { metadata: { uid, tenant: planted('tenant') } })],
    ['its environment is not ours', 403, ({ wire }) => wire({ environment: planted('environment') })],
    ['its identities are none', 400, ({ wire }) => wire({ identities: { [planted('key')]: planted('value') } })],
    [
      'an identity is a list',
      400,
      ({ wire }) => wire({ identities: [{ identitySpace: 'email', identityValue: [planted('value')] }] }),
    ],
    [
      'a callback header is none',
      400,
      ({ wire }) => wire({ callbacks: [{ url: 'x', headers: { [planted('header')]: 5 } }] }),
    ],
    ['its time is text', 400, ({ wire }) => wire({ dueTimestamp: planted('time') })],
  ])('because %s', async (_, status, wireOf) => {
    const canary = await canaryHouse();
    for (const name of [
      'secret',
      'again',
      'path',
      'method',
      'type',
      'body',
      'key',
      'version',
      'kind',
      'uid',
      'tenant',
      'environment',
      'value',
      'header',
      'time',
    ]) {
      canary.planted.token(`refused ${name}`);
    }
    expect((await canary.send(wireOf(canary))).status).toBe(status);
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });
});

describe('nothing of an error shows', () => {
  const message = `${token('error')} at https://${token('error host')}/${token('error path')}`;
  const unforeseen = () =>
    Promise.reject(Object.assign(crash(message), { [token('error field')]: token('error value') }));

  test.each<[string, number, (ports: Ports) => Partial<Ports>]>([
    ['reading the secrets', 500, () => ({ readSecret: unforeseen })],
    ['storing', 500, ({ store }) => ({ store: { ...store, accept: unforeseen } })],
    ['writing the result', 500, ({ store }) => ({ store: { ...store, replace: unforeseen } })],
    ['reading the pace', 200, ({ control }) => ({ control: { ...control, read: unforeseen } })],
    ['writing the pace', 200, ({ control }) => ({ control: { ...control, write: unforeseen } })],
    ['counting', 200, ({ control }) => ({ control: { ...control, count: unforeseen } })],
    ['calling Voucherify', 500, () => ({ send: unforeseen })],
    [
      'reading the key of Voucherify',
      200,
      ({ readSecret }) => ({ readSecret: name => (name.includes('voucherify') ? unforeseen() : readSecret(name)) }),
    ],
    [
      'reading the pepper',
      500,
      ({ readSecret }) => ({ readSecret: name => (name.includes('pepper') ? unforeseen() : readSecret(name)) }),
    ],
  ])('in %s', async (_, status, change) => {
    const canary = await canaryHouse({ customers: known, change });
    for (const name of ['error', 'error host', 'error path', 'error field', 'error value']) canary.planted.token(name);
    expect((await canary.send(canary.wire())).status).toBe(status);
    canary.house.clock.at += 3_600_000;
    await canary.house.sweep().catch(() => undefined);
    expectSilence(canary);
  });

  test.each([
    '',
    'null',
    `"${token('text')}"`,
    `{"current":"${token('text')}`,
    `{"current":"${token('text').slice(0, 20)}"}`,
  ])('in a secret that is not usable: %#', async text => {
    const canary = await canaryHouse({ secrets: { 'erasure/platform/ketch': text } });
    canary.planted.token('text');
    expect((await canary.send(canary.wire())).status).toBe(503);
    expectSilence(canary);
  });
});
