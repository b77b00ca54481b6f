import { describe, expect, test } from 'vitest';
import { leaks, token } from '../support/canary.ts';
import { canaryHouse } from '../support/canary-house.ts';
import { type ScriptedAnswer, type ScriptedCall, scripted } from '../support/scripted-voucherify.ts';

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
const ok = (body: unknown): ScriptedAnswer => ({ status: 200, headers, body });
const refused = (status: number, more = {}): ScriptedAnswer => ({
  status,
  headers: { ...headers, ...more },
  body: error(status),
});

/** Finds the person, and answers the deletion with this. */
const deletes = (answer: ScriptedAnswer) => (call: ScriptedCall) => {
  if (call.method === 'POST') return answer;
  return ok(
    call.path.includes('?')
      ? { customers: [person, stranger], total: 2, object: 'list', data_ref: said('name') }
      : person,
  );
};
const always = (answer: ScriptedAnswer) => () => answer;

describe('responses of Voucherify', () => {
  test.each<[string, (call: ScriptedCall) => ScriptedAnswer, string]>([
    ['a deletion', deletes(ok(done)), 'erased'],
    ['the deletion of somebody else', deletes(ok({ ...done, related_object_id: stranger.id })), 'needs-review'],
    ['another status', deletes(ok({ ...done, status: said('name') })), 'open'],
    ['another count', deletes(ok({ ...done, data_json: { customer: said('metadata') } })), 'open'],
    [
      'a page',
      deletes({ status: 200, headers: { 'Content-Type': 'text/html' }, body: `<h1>${said('html')}</h1>` }),
      'open',
    ],
    ['half an answer', deletes({ ...ok(done), cut: true }), 'open'],
    ['too long an answer', deletes(ok(said('name').repeat(4000))), 'open'],
    ['another customer', always(ok(stranger)), 'open'],
    ['a customer without an id', always(ok({ ...person, id: said('id') })), 'open'],
    ['a customer without a date', always(ok({ ...person, created_at: said('name') })), 'open'],
    ['a list that is none', always(ok({ customers: said('name'), total: said('id') })), 'open'],
    ['text', always(ok(said('html'))), 'open'],
    ['moved', always({ status: 302, headers: { Location: `https://${said('place')}.example/` } }), 'open'],
    ['found elsewhere', always(refused(404)), 'open'],
    ['400', always(refused(400)), 'needs-review'],
    ['401', always(refused(401)), 'open'],
    ['402', always(refused(402)), 'open'],
    ['403', always(refused(403)), 'open'],
    ['422 to the deletion', deletes(refused(422)), 'needs-review'],
    ['429', always(refused(429, { 'Retry-After': said('header'), 'X-Rate-Limit-Retry': said('header') })), 'open'],
    ['500', always({ status: 500, headers, body: `<pre>${said('html')}</pre>` }), 'open'],
    ['503 to the deletion', deletes(refused(503)), 'open'],
  ])('%s: no planted value appears', async (_, script, state) => {
    const baseUrl = await scripted(script);
    const { house, planted, wire, send, shown, identifiers } = await canaryHouse({ baseUrl });
    for (const name of names) planted.token(`said ${name}`);
    expect((await send(wire())).status).toBe(200);
    expect(await house.receipts()).toMatchObject([{ state }]);
    house.clock.at += 3_600_000;
    await house.sweep();
    await send(wire());
    expect(leaks(planted.tokens, shown())).toEqual([]);
    const [receipt] = await house.receipts();
    if (receipt!.queue === undefined) expect(identifiers()).toEqual([]);
  });
});
