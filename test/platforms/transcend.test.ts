import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Outcome } from '../../lambda/domain/erasure.ts';
import type { Wire } from '../support/event.ts';
import { untouchedStore } from '../support/forbidden-adapters.ts';
import { callbackRequests, requestOf } from '../support/requests.ts';
import { problemsOf, settingsText, spoiled } from '../support/settings.ts';
import {
  apiKey,
  job,
  nonce,
  pemOf,
  sombraFor,
  sombraKeys,
  transcendHarness,
  transcendWire,
} from './transcend-messages.ts';

const email = { identifier: 'ada@example.com', type: 'email' };

/** What is parsed of a job. */
const parsedJob = {
  reference: `c3ae78c9-2768-4666-991a-d2f729503337:email:${createHash('sha256').update('ada@example.com').digest('hex')}`,
  scope: 'acme',
  identifiers: [
    { kind: 'email', value: 'ada@example.com' },
    { kind: 'source_id', value: 'crm-10042' },
  ],
  callbacks: [
    { url: 'https://multi-tenant.sombra.transcend.io/v1/data-silo', headers: { 'x-transcend-nonce': nonce } },
  ],
};

describe('erasure job of Transcend', () => {
  test('erased at once: gets 200, and the sweep reports the completion', async () => {
    const sombra = await sombraFor();
    const harness = transcendHarness({
      sombra,
      secret: { sombraApiKey: 'own-sombra-key' },
      change: ({ send }) => ({ sendCallback: send }),
    });
    expect(await harness.send(transcendWire())).toMatchObject({ status: 200, text: '' });
    expect(harness.deleted()).toEqual(['cust_AdaExample00000000000001']);
    await harness.sweep(harness.clock.now + 60_000);
    expect(sombra.calls.filter(({ method }) => method === 'PUT')).toMatchObject([
      {
        path: '/v1/data-silo',
        headers: {
          authorization: `Bearer ${apiKey}`,
          'x-sombra-authorization': 'Bearer own-sombra-key',
          'x-transcend-nonce': nonce,
          'content-type': 'application/json',
          accept: 'application/json',
        },
        body: '{}',
      },
    ]);
  });

  test('no match: gets 204 and needs no completion', async () => {
    const sombra = await sombraFor();
    const harness = transcendHarness({ sombra, customers: [], change: ({ send }) => ({ sendCallback: send }) });
    expect(await harness.send(transcendWire())).toMatchObject({ status: 204, text: '' });
    await harness.sweep(harness.clock.now + 60_000);
    expect(sombra.calls.map(({ method }) => method)).toEqual(['GET']);
  });

  test('open or in review: gets 200', async () => {
    const harness = transcendHarness();
    harness.sandbox.outage('error');
    expect(await harness.send(transcendWire())).toMatchObject({ status: 200, text: '' });
    const many = transcendHarness({ limits: { customersPerRequest: 1 } });
    const family = job({ identifier: 'family@example.com', type: 'email' });
    expect(await many.send(transcendWire(family))).toMatchObject({ status: 200, text: '' });
    expect(many.sandbox.deletions()).toEqual([]);
  });

  test('stored data: its own identifier, that of the token, and where to report the outcome', async () => {
    expect(await keptOf(job())).toEqual({ ...parsedJob, pins: {}, lookUps: {} });
  });

  test.each([
    ['the core identifier itself', { identifier: 'crm-10042', type: 'coreIdentifier' }, {}, ['crm-10042']],
    ['a type that settings do not map', { identifier: 'LC-1', type: 'Loyalty card' }, {}, ['crm-10042']],
    ['a type that every object has', { identifier: 'LC-1', type: 'constructor' }, {}, ['crm-10042']],
    ['an unmapped core identifier', email, { identities: { email: 'email' } }, ['ada@example.com']],
    ['a whole number', { identifier: 10_043, type: 'no' }, { identities: { no: 'source_id' } }, ['10043']],
    ['nothing mapped', email, { identities: {} }, []],
  ])('identifier that is %s: is read or left out', async (_, profile, section, values) => {
    const kept = await keptOf(job(profile), section);
    expect(kept?.identifiers.map(({ value }) => value)).toEqual(values);
  });

  test('several identifiers of one request: each is a request of its own', async () => {
    const harness = transcendHarness();
    const profiles = [email, { ...email, type: 'Loyalty e-mail' }, { identifier: '+15550100042', type: 'phone' }];
    for (const profile of [...profiles, ...profiles]) await harness.send(transcendWire(job(profile)));
    expect(await harness.receipts()).toHaveLength(3);
    expect(harness.sandbox.deletions()).toHaveLength(1);
  });

  test('time of the request: is used, and an unreadable one is ignored', async () => {
    const at = async (createdAt: unknown) => {
      const harness = transcendHarness();
      await harness.send(transcendWire(withRequest({ createdAt })));
      return (await harness.receipts())[0]!.submittedAt - harness.clock.now;
    };
    expect(await at('2026-01-15T11:30:00.000Z')).toBe(-1_800_000);
    for (const unreadable of ['lately', 7, null, undefined, ['2026-01-15T11:30:00.000Z']])
      expect(await at(unreadable)).toBe(0);
  });

  const platform = () => transcendHarness().services.platforms.get('transcend')!;
  const parsed = (body: object, headers: Readonly<Record<string, string>> = { 'x-transcend-nonce': nonce }) =>
    platform().parse(requestOf(body, headers));

  test('fewest fields: are parsed, without a time', () => {
    const { reply: _, ...result } = parsed(withRequest({}));
    const identities = [
      { space: 'email', format: 'raw', value: 'ada@example.com' },
      { space: 'coreIdentifier', format: 'raw', value: 'crm-10042' },
    ];
    expect(result).toStrictEqual({ erase: [{ ...parsedJob, identities }] });
  });

  test.each([
    ['its type', { identifier: 'crm-10043', type: 'coreIdentifier' }, ['crm-10043', 'crm-10042']],
    ['its value', { identifier: 'crm-10042', type: 'email' }, ['crm-10042', 'crm-10042']],
    ['neither', { identifier: 'crm-10042', type: 'coreIdentifier' }, ['crm-10042']],
  ])('own and core identifier that differ in %s: each is used once', (_, profile, values) => {
    const result = parsed(job(profile));
    expect('erase' in result && result.erase[0]!.identifiers.map(({ value }) => value)).toEqual(values);
  });

  test('test and access test: are distinguished', () => {
    expect(parsed(job(undefined, { isTest: true }))).toMatchObject({ test: true });
    expect(parsed(job(undefined, { isTest: true, type: 'ACCESS' }))).toMatchObject({ ignore: 'access-test' });
  });

  test.each([
    ['erased', 200],
    ['no-match', 204],
    ['created-later', 204],
    ['not-identifiable', 200],
    ['refused', 200],
  ] as const)('outcome %s: gets %i, and a completion unless the job is over', (kind, status) => {
    const { reply } = parsed(job());
    const outcome = { kind, at: 0, deletions: [] };
    const result = { reference: 'r', receiptId: 'i', receivedAt: 0, outcome, callbackFollows: true };
    expect(reply([result]).status).toBe(status);
    expect(platform().callbackOnlyOutcomes?.includes(kind)).toBe(status === 200);
    expect(reply([]).status).toBe(200);
  });

  const some: string = expect.any(String);
  test.each<readonly [string, unknown, Wire['headers'], string]>([
    ['an access request', job(undefined, { type: 'ACCESS' }), {}, 'type: only ERASURE is supported'],
    ['another type in test mode', job(undefined, { type: 'PREFLIGHT', isTest: true }), {}, some],
    ['its flag as text', job(undefined, { isTest: 'true' }), {}, some],
    ['no extras', job(undefined, { extras: undefined }), {}, some],
    ['no identifier', job({ type: 'email' }), {}, some],
    ['an empty type of identifier', job({ ...email, type: '' }), {}, some],
    ['no id of its request', withRequest({ id: undefined }), {}, some],
    ['a core identifier that is no object', job(undefined, { coreIdentifier: 'crm-10042' }), {}, some],
    ['no core identifier', job(undefined, { coreIdentifier: undefined }), {}, some],
    ['no nonce', job(), { 'x-transcend-nonce': [] }, 'x-transcend-nonce: is missing'],
    ['two nonces', job(), { 'x-transcend-nonce': [nonce, nonce] }, some],
    ['no JSON', '{', {}, some],
    ['two core identifiers', `{"coreIdentifier":{"value":"ben"},${JSON.stringify(job()).slice(1)}`, {}, some],
  ])('%s: is refused with 400, and nothing is stored', async (_, body, headers, message) => {
    const harness = transcendHarness(untouchedStore());
    const answer = await harness.send(transcendWire(body, headers));
    expect(answer).toMatchObject({ status: 400, json: { error: { code: 'invalid', message } } });
    expect(answer.text + harness.logText.join()).not.toMatch(/ada@|crm-10042|c3ae78c9|ACCESS/);
  });

  test('access request in test mode: is acknowledged, and nothing is stored', async () => {
    const harness = transcendHarness();
    const access = job(undefined, { type: 'ACCESS', isTest: true });
    expect(await harness.send(transcendWire(access))).toMatchObject({ status: 200 });
    expect(await harness.receipts()).toEqual([]);
    expect(harness.alarms()).toEqual([]);
  });
});

describe('completion', () => {
  const at = 0;
  const asks = { status: 'ACTION_REQUIRED', message: expect.any(String) };
  test.each<[Outcome, unknown]>([
    [{ kind: 'no-match', at, deletions: [] }, { status: 'SKIPPED' }],
    [{ kind: 'not-identifiable', at, deletions: [] }, asks],
    [{ kind: 'refused', at, deletions: [] }, asks],
    [{ kind: 'needs-review', expectedAt: at }, asks],
  ])('$kind: has its status', async (outcome, body) => {
    const [sent] = await callbacksOf(outcome);
    expect(JSON.parse(sent!.body)).toEqual(body);
    expect(sent!.headers).not.toHaveProperty('x-sombra-authorization');
  });

  test('open erasure: gets none', async () => {
    expect(await callbacksOf({ kind: 'in-progress', expectedAt: at })).toEqual([]);
  });
});

describe('settings of Transcend', () => {
  const section = { audience: 'acme', sombraUrl: 'https://sombra.acme.example:8443', identities: {} };
  const noSombra = 'platforms.transcend.sombraUrl: must be an origin such as https://multi-tenant.sombra.transcend.io';
  const noKey = 'platforms.transcend.publicKey: must be the PEM text of a P-384 public key';
  const problems = (change: object, where?: 'local') =>
    spoiled(settings => Object.assign(settings['platforms'], { transcend: { ...section, ...change } }), where);

  test.each([
    ["a Sombra of one's own", {}, []],
    ['a pinned key', { publicKey: pemOf(sombraKeys.publicKey), projects: ['main'], header: 'X-Own' }, []],
    ['a broken pin', { publicKey: 'PEM' }, [noKey]],
    ['a private key', { publicKey: sombraKeys.privateKey.export({ type: 'pkcs8', format: 'pem' }) }, [noKey]],
    ['plain http', { sombraUrl: 'http://sombra.acme.example' }, [noSombra]],
    ['an address that is none', { sombraUrl: 'https://999.999.999.999' }, [noSombra]],
    ['a path', { sombraUrl: 'https://sombra.acme.example/' }, [noSombra]],
    ['no audience', { audience: '' }, ['platforms.transcend.audience: must not be empty']],
    ['callback origins', { callbackOrigins: [] }, ['platforms.transcend.callbackOrigins: is not a setting']],
  ])('%s: is accepted or refused', (_, change, wanted) => {
    expect(problems(change)).toEqual(wanted);
  });

  test('Sombra on this machine: is accepted in a local run', () => {
    expect(problems({ sombraUrl: 'http://127.0.0.1:4000' }, 'local')).toEqual([]);
  });

  test('several problems: are reported together with those of other platforms', () => {
    const text = settingsText(settings => {
      settings['platforms'].ketch.callbackOrigins = ['nowhere'];
      settings['platforms'].transcend = { ...section, sombraUrl: 'nowhere' };
    });
    expect(problemsOf(text)).toEqual([
      'platforms.ketch.callbackOrigins.0: must be an origin such as https://host',
      noSombra,
    ]);
  });
});

function withRequest(request: object) {
  const id = 'c3ae78c9-2768-4666-991a-d2f729503337';
  return job(undefined, { extras: { profile: email, request: { id, ...request } } });
}

/** What is kept of a job, as long as it is open. */
async function keptOf(body: object, section: object = {}) {
  const harness = transcendHarness({ section, limits: { delaySeconds: 60 } });
  expect((await harness.send(transcendWire(body))).status).toBe(200);
  const [receipt] = await harness.receipts();
  return harness.services.store.readPersonalData(receipt!.id);
}

function callbacksOf(outcome: Outcome) {
  const { services, secrets } = transcendHarness();
  const platform = services.platforms.get('transcend')!;
  const callbacks = [{ url: `${platform.callbackOrigins[0]}/v1/data-silo`, headers: { 'x-transcend-nonce': nonce } }];
  const notice = { scope: 'acme', outcome, callbacks };
  return callbackRequests(platform, notice, async () => secrets['erasure/platform/transcend']!);
}
