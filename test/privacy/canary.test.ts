import { describe, expect, test } from 'vitest';
import { leaks, token } from '../support/canary.ts';
import { type CanaryHarness, canaryHarness, expectSilence } from '../support/canary-harness.ts';
import { uid } from '../support/ketch.ts';
import { type ReceivedCall, type ServedReply, serveListing } from '../support/listing-platform.ts';

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
    const canary: CanaryHarness = await canaryHarness({ customers: known, limits: { holdSeconds: 60 }, section });
    const callbacks = [{ url: `${receiver}/${canary.planted.token('callback')}` }];
    expect((await canary.send(canary.wire({ callbacks }))).json).toHaveProperty('response.status', 'in_progress');
    expect(canary.identifiers()).toHaveLength(1);
    await canary.send(canary.wire({ callbacks }));
    expect((await canary.send(canary.wire({ identities: [] }))).status).toBe(409);
    canary.harness.clock.now += 61_000;
    await canary.harness.sweep();
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
  harness.clock.now += 3_600_000;
  await harness.sweep();
  await send(wire());
  expect(leaks(planted.tokens, shown())).toEqual([]);
  const [receipt] = await harness.receipts();
  // This Voucherify returns the customer also after the deletion: then the pin stays.
  const isShown = receipt!.verification?.result === 'stillPresent';
  if (receipt!.queue === undefined && !isShown) expect(identifiers()).toEqual([]);
});
