import { describe, expect, test } from 'vitest';
import { embeddedSecretTexts } from '../../infra/local/embedded-secrets.ts';
import { readLocalOptions } from '../../infra/local/options.ts';
import type { Adapters } from '../../lambda/services.ts';
import { leaks, Planted, token } from '../support/canary.ts';
import {
  type CanaryHarness,
  canaryHarness,
  everything,
  expectSilence,
  strangeHeaders,
} from '../support/canary-harness.ts';
import { jsonOrUndefined, sendOver } from '../support/event.ts';
import { unexpectedError } from '../support/failures.ts';
import { account, ketchWire, uid } from '../support/ketch.ts';
import { type ReceivedCall, type ServedReply, serveListing } from '../support/listing-platform.ts';
import { startLocalProcess } from '../support/local-process.ts';

const known = [{ source_id: token('field source id'), email: 'x@example.com', created_at: '2025-01-01T00:00:00Z' }];

const said = (name: string) => token(`said ${name}`);

const names = ['name', 'metadata', 'key', 'header', 'message', 'id', 'email', 'place', 'html'];

const headers = { 'X-Request-Id': said('header'), 'Set-Cookie': `a=${said('header')}` };

/** A customer as Voucherify shows one, with a token in every field that is none of ours. */
const person = {
  id: 'cust_Canary000000000000000001',
  source_id: token('field source id'),
  name: said('name'),
  email: `${token('field mailbox')}+x@${token('field domain')}.example`,
  metadata: { [said('key')]: said('metadata') },
  created_at: '2025-01-01T00:00:00.000Z',
  object: 'customer',
};

const stranger = { ...person, id: `cust_${said('id')}`, email: `${said('email')}@example.com`, source_id: said('id') };

const done = {
  id: 'del_Canary01',
  created_at: '2026-01-15T12:00:00.000Z',
  related_object_id: person.id,
  related_object: said('id'),
  status: 'DONE',
  data_json: { customer: 1, [said('key').toUpperCase()]: 2, order: said('metadata') },
  object: said('name'),
  [said('key')]: said('metadata'),
};

const error = (code: number) => ({
  code,
  key: said('key'),
  message: said('message'),
  details: `Cannot find ${said('email')}`,
  resource_id: said('id'),
  resource_type: 'customer',
  request_id: said('header'),
});

const ok = (body: unknown): ServedReply => ({ status: 200, headers, body });

const refused = (status: number, more = {}): ServedReply => ({
  status,
  headers: { ...headers, ...more },
  body: error(status),
});

/** Finds the person, and answers the deletion with this. */
const deletes = (answer: ServedReply) => (call: ReceivedCall) => {
  if (call.method === 'POST') return answer;
  return ok(
    'email' in call.query
      ? { customers: [person, stranger], total: 2, object: 'list', data_ref: said('name') }
      : person,
  );
};

const always = (answer: ServedReply) => () => answer;

describe('outside values', () => {
  test('erased customer: nothing appears or stays stored', async () => {
    const canary = await canaryHarness({ customers: known });
    const answer = await canary.send(canary.wire());
    expect(answer).toMatchObject({ status: 200, json: { response: { reason: 'executed' }, metadata: { uid } } });
    await canary.harness.sweepAndVerify();
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });

  test('no match: nothing appears or stays stored', async () => {
    const canary = await canaryHarness({ customers: [] });
    expect((await canary.send(canary.wire())).json).toHaveProperty('response.reason', 'no_match');
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });

  test('no usable identifier: nothing appears', async () => {
    const canary = await canaryHarness({ section: { identities: {} } });
    expect((await canary.send(canary.wire())).json).toHaveProperty('response.reason', 'insufficient_identification');
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });

  test('paused, repeated, conflict, sweep and callback: nothing appears', async () => {
    const heard: string[] = [];
    const { origin: receiver } = await serveListing(({ body }) => {
      heard.push(JSON.stringify(body));
      return { status: 200, body: { said: canary.planted.token('answer to callback') } };
    });
    const section = { callbackOrigins: [receiver] };
    const canary: CanaryHarness = await canaryHarness({ customers: known, limits: { delaySeconds: 60 }, section });
    const callbacks = [{ url: `${receiver}/${canary.planted.token('callback')}` }];
    expect((await canary.send(canary.wire({ callbacks }))).json).toHaveProperty('response.status', 'in_progress');
    expect(canary.identifiers()).toHaveLength(1);
    await canary.send(canary.wire({ callbacks }));
    expect((await canary.send(canary.wire({ identities: [] }))).status).toBe(409);
    await canary.harness.sweep(canary.harness.clock.now + 61_000);
    await canary.harness.sweepAndVerify();
    expectSilence(canary);
    expect(heard).toHaveLength(1);
    expect(leaks(canary.planted.tokens, { callback: heard.join('') })).toEqual([]);
    expect(canary.identifiers()).toEqual([]);
  });

  test('refused callback origin: nothing appears', async () => {
    const canary = await canaryHarness({ customers: known });
    const url = `https://${canary.planted.token('foreign host')}.example/`;
    expect((await canary.send(canary.wire({ callbacks: [{ url }] }))).status).toBe(200);
    expect(canary.harness.alarms()).toEqual(['callback-origin-refused']);
    expectSilence(canary);
  });

  test('too many matches: nothing appears', async () => {
    const email = `${token('field mailbox')}+x@${token('field domain')}.example`;
    const customers = [1, 2, 3].map(at => ({ source_id: `s${at}`, email, created_at: '2025-01-01T00:00:00Z' }));
    const canary = await canaryHarness({ customers, limits: { customersPerRequest: 2 } });
    await canary.send(canary.wire());
    expect(canary.harness.alarms()).toEqual(['needs-review']);
    expectSilence(canary);
  });
});

/** What is in a message that is refused after authentication: `request/refused-requests`. */
describe('message refused before authentication', () => {
  const planted = (name: string) => token(`refused ${name}`);

  test.each<[string, number, (canary: CanaryHarness) => Parameters<CanaryHarness['send']>[0]]>([
    ['wrong secret', 403, ({ wire }) => wire({}, {}, { Authorization: planted('secret') })],
    ['two secrets', 403, ({ wire }) => wire({}, {}, { Authorization: [planted('secret'), planted('again')] })],
    ['unknown platform', 404, ({ wire }) => ({ ...wire(), path: `/webhooks/${planted('path')}` })],
    ['unknown path', 404, ({ wire }) => ({ ...wire(), path: `/${planted('path')}` })],
    ['status route', 404, ({ wire }) => ({ ...wire(), path: `/webhooks/ketch/${planted('path')}` })],
    ['unknown method', 405, ({ wire }) => ({ ...wire(), method: planted('method') })],
    ['too large', 413, ({ wire }) => ({ ...wire(), body: planted('body').repeat(60_000) })],
  ])('%s: no planted value appears', async (_, status, wireOf) => {
    const canary = await canaryHarness();
    for (const name of ['secret', 'again', 'path', 'method', 'body']) canary.planted.token(`refused ${name}`);
    expect((await canary.send(wireOf(canary))).status).toBe(status);
    expectSilence(canary);
    expect(canary.identifiers()).toEqual([]);
  });
});

test.each<[string, (call: ReceivedCall) => ServedReply, string]>([
  ['a deletion', deletes(ok(done)), 'erased'],
  ['deletion of another customer', deletes(ok({ ...done, related_object_id: stranger.id })), 'needs-review'],
  ['another status', deletes(ok({ ...done, status: said('name') })), 'open'],
  ['another count', deletes(ok({ ...done, data_json: { customer: said('metadata') } })), 'open'],
  [
    'a page',
    deletes({ status: 200, headers: { 'Content-Type': 'text/html' }, body: `<h1>${said('html')}</h1>` }),
    'open',
  ],
  ['truncated response', deletes({ ...ok(done), cut: true }), 'open'],
  ['too large response', deletes(ok(said('name').repeat(4000))), 'open'],
  ['another customer', always(ok(stranger)), 'open'],
  ['a customer without an id', always(ok({ ...person, id: said('id') })), 'open'],
  ['a customer without a date', always(ok({ ...person, created_at: said('name') })), 'open'],
  ['invalid list', always(ok({ customers: said('name'), total: said('id') })), 'open'],
  ['text', always(ok(said('html'))), 'open'],
  ['redirect', always({ status: 302, headers: { Location: `https://${said('place')}.example/` } }), 'open'],
  ['404', always(refused(404)), 'open'],
  ['400', always(refused(400)), 'needs-review'],
  ['401', always(refused(401)), 'open'],
  ['402', always(refused(402)), 'open'],
  ['403', always(refused(403)), 'open'],
  ['422 to the deletion', deletes(refused(422)), 'needs-review'],
  ['429', always(refused(429, { 'Retry-After': said('header'), 'X-Rate-Limit-Retry': said('header') })), 'open'],
  ['500', always({ status: 500, headers, body: `<pre>${said('html')}</pre>` }), 'open'],
  ['503 to the deletion', deletes(refused(503)), 'open'],
])('responses of Voucherify, %s: no planted value appears', async (_, script, state) => {
  const { origin: baseUrl } = await serveListing(script);
  const { harness, planted, wire, send, shown, identifiers } = await canaryHarness({ baseUrl });
  for (const name of names) planted.token(`said ${name}`);
  expect((await send(wire())).status).toBe(200);
  expect(await harness.receipts()).toMatchObject([{ state }]);
  await harness.sweep(harness.clock.now + 3_600_000);
  await send(wire());
  expect(leaks(planted.tokens, shown())).toEqual([]);
  const [receipt] = await harness.receipts();
  // This Voucherify returns the customer also after the deletion: then the pin stays.
  const isShown = receipt!.verification?.result === 'stillPresent';
  if (receipt!.queue === undefined && !isShown) expect(identifiers()).toEqual([]);
});

describe('errors', () => {
  const message = `${token('error')} at https://${token('error host')}/${token('error path')}`;
  const unforeseen = () =>
    Promise.reject(Object.assign(unexpectedError(message), { [token('error field')]: token('error value') }));

  test.each<[string, number, (ports: Adapters) => Partial<Adapters>]>([
    ['reading the secrets', 500, () => ({ readSecret: unforeseen })],
    ['storing', 500, ({ store }) => ({ store: { ...store, accept: unforeseen } })],
    ['writing the result', 500, ({ store }) => ({ store: { ...store, replace: unforeseen } })],
    ['reading control rows', 200, ({ control }) => ({ control: { ...control, read: unforeseen } })],
    ['writing control rows', 200, ({ control }) => ({ control: { ...control, write: unforeseen } })],
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
  ])('%s: no planted value appears', async (_, status, change) => {
    const canary = await canaryHarness({ customers: known, change });
    for (const name of ['error', 'error host', 'error path', 'error field', 'error value']) canary.planted.token(name);
    expect((await canary.send(canary.wire())).status).toBe(status);
    await canary.harness.sweep(canary.harness.clock.now + 3_600_000).catch(() => undefined);
    expectSilence(canary);
  });

  test.each([
    '',
    'null',
    `"${token('text')}"`,
    `{"current":"${token('text')}`,
    `{"current":"${token('text').slice(0, 20)}"}`,
  ])('unusable secret %#: no planted value appears', async text => {
    const canary = await canaryHarness({ secrets: { 'erasure/platform/ketch': text } });
    canary.planted.token('text');
    expect((await canary.send(canary.wire())).status).toBe(503);
    expectSilence(canary);
  });
});

const word = token('word');
const tokens = new Map([
  ['word', word],
  ['other', token('other')],
]);
const found = (text: string) => leaks(tokens, { here: text, there: 'nothing' });

describe('search for planted values', () => {
  test.each([
    ['as it is', word],
    ['within a text', `a${word}b`],
    ['in capitals', word.toUpperCase()],
    ['in part', `..${word.slice(7, 15)}..`],
    ['in hex', Buffer.from(word).toString('hex')],
    ['in capital hex', Buffer.from(word).toString('hex').toUpperCase()],
    ['in URL encoding', [...word].map(char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`).join('')],
    ['in JSON escapes', [...word].map(char => `\\u00${char.charCodeAt(0).toString(16)}`).join('')],
    ['in base64', Buffer.from(word).toString('base64')],
    ['in base64 behind a character', Buffer.from(`x${word}`).toString('base64')],
    ['in base64 behind two characters', Buffer.from(`:)${word}`).toString('base64')],
    ['in part in base64url', Buffer.from(`key=${word.slice(3, 14)}&x`).toString('base64url')],
    ['in base64 within JSON', JSON.stringify({ a: Buffer.from(`{"b":"${word}"}`).toString('base64') })],
  ])('%s: is found', (_, text) => {
    expect(found(text)).toEqual(['word in here']);
  });

  test('other text: is not found', () => {
    expect(found(`${word.slice(0, 7)} ${word.slice(8, 15)} ${token('third')}`)).toEqual([]);
    expect(found('')).toEqual([]);
  });

  test('several places: are all found', () => {
    expect(leaks(tokens, { a: word, b: `${token('other')}${word}` })).toEqual(['word in a', 'word in b', 'other in b']);
    expect(new Set(['a', 'b', 'c'].map(token)).size).toBe(3);
    expect(token('a')).toMatch(/^[a-z0-9]{24}$/);
  });
});

test('whole process: prints no request, secret or customer data', async () => {
  const secrets = embeddedSecretTexts(readLocalOptions({}).settings);
  const { current } = jsonOrUndefined(secrets['erasure/platform/ketch']!) as { current: string };
  const run = await startLocalProcess({ DATA_DIR: ':memory:', CLOCK: '2026-01-15T12:00:00Z', SWEEP_SECONDS: '0.2' });
  const planted = new Planted();
  const headers = { ...strangeHeaders(planted), Authorization: current };
  const metadata = (id: number) => ({
    metadata: { uid: `22880925-aac5-42f9-a653-cb6921d3610${id}`, tenant: 'axonic' },
  });
  const send = (body: unknown, more = {}) => sendOver(run.url, ketchWire(body, { ...headers, ...more }));
  const answers = [
    await send(everything(planted, {}, metadata(1))),
    await send(everything(planted, { identities: [account('crm-10042')] }, metadata(2))),
    await send(everything(planted, { identities: [] }, metadata(1))),
    await send(everything(planted, { environment: planted.token('environment') }, metadata(3))),
    await send(everything(planted, {}, {}), { Authorization: planted.token('wrong secret') }),
    await send(planted.token('body')),
    await send(planted.token('large body').repeat(60_000)),
    await sendOver(run.url, { ...ketchWire(), path: `/webhooks/${planted.token('path')}?a=${planted.token('query')}` }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 409, 403, 403, 400, 413, 404]);
  const { stdout, stderr, code } = await run.stop();
  expect(code).toBe(0);
  expect(stderr).toContain('"outcome":"erased"');
  expect(leaks(planted.tokens, { stdout, stderr, answers: JSON.stringify(answers) })).toEqual([]);
  const texts = Object.values(secrets).flatMap(text => Object.values(jsonOrUndefined(text) ?? { text }).map(String));
  for (const known of [...texts, 'crm-10042', 'ada@example.com', 'cust_Ada'])
    expect(stdout + stderr).not.toContain(known);
});
