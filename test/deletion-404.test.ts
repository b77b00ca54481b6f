import { describe, expect, it } from 'vitest';
import type { HttpResult } from '../lambda/io/http-client.ts';
import { answer, html, notFound } from './support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one } from './support/erasing-house.ts';

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';
const denied = answer(404, notFound);
const [get, post] = [`GET /v1/customers/${ada}`, `POST /v1/customers/${ada}/permanent-deletion`];
const lost = (mayHaveExecuted: boolean): HttpResult => ({
  kind: 'no-answer',
  code: 'connection-lost',
  mayHaveExecuted,
});

/** Somebody whose deletions are answered 404, and the look after each of them as `look` says. */
function denying(look?: HttpResult): ErasingHouse {
  const house = erasingHouse();
  house.person({ id: ada, source_id: 'crm-1' });
  let isConfirming = false;
  house.meddle = (call, pass) => {
    const answered = call.method === 'POST' ? denied : isConfirming && look !== undefined ? look : pass();
    isConfirming = call.method === 'POST';
    return answered;
  };
  return house;
}

describe('a 404 on the deletion of somebody who was found', () => {
  it('is no proof while a look still shows them: tried again, and the third time a person is asked', async () => {
    const house = denying();
    const { receipt, outcome } = await house.ask(one('source_id', 'crm-1'));
    expect(outcome).toMatchObject({ kind: 'in-progress' });
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'deletion-404-still-shown', unprovenCount: 1 });
    expect(receipt.projects).toMatchObject({ main: { mayHaveExecuted: true, deletions: [] } });
    expect(house.sent).toEqual(['GET /v1/customers/crm-1', post, get]);
    expect(house.alarms()).toEqual(['unproven-response']);
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open', unprovenCount: 2 });
    expect(house.sent.slice(3)).toEqual([get, post, get]);
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'needs-review', reason: 'unproven-responses' });
    expect(house.deleted()).toEqual([]);
  });

  it('that is answered DONE by the next attempt is erased', async () => {
    const house = denying();
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    house.meddle = undefined;
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'deleted' }] } } });
  });

  it('proves nothing where another one is shown under that id', async () => {
    const house = denying(answer(200, { id: 'cust_B', source_id: ada }));
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({
      state: 'needs-review',
      reason: 'pin-shadowed',
      projects: { main: { deletions: [] } },
    });
  });

  it.each([
    ['lost', lost(true)],
    ['no connection', lost(false)],
    ['a 500', answer(500, html)],
    ['a 429', answer(429, {})],
    ['a 401', answer(401, {})],
    ['HTML', answer(200, html)],
    ['a 404 of a proxy', answer(404, html)],
    ['a 404 for a voucher', answer(404, { ...notFound, resource_type: 'voucher' })],
    ['a customer that is none', answer(200, { id: 'crm-1' })],
  ])('counts as nothing where the look fails (%s), and two calls of the next attempt prove it', async (_, look) => {
    const house = denying(look);
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { mayHaveExecuted: true, deletions: [] } } });
    house.sandbox.softDelete(ada);
    const calls = house.sent.length;
    house.meddle = (call, pass) => (call.method === 'POST' ? denied : pass());
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'gone' }] } } });
    expect(house.sent.slice(calls)).toEqual([get, post]);
  });

  it('under a key that is replaced before the look asks a person: that look proves nothing', async () => {
    const house = denying();
    const meddle = house.meddle;
    house.meddle = (call, pass) => {
      if (call.method === 'POST') {
        house.sandbox.revoke('app-main');
        house.sandbox.addKey({ appId: 'app-new', appToken: 'token-new', project: 'other' });
        house.secrets['erasure/voucherify/main'] = JSON.stringify({ appId: 'app-new', appToken: 'token-new' });
      }
      return meddle?.(call, pass) ?? pass();
    };
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    expect(receipt).toMatchObject({
      state: 'needs-review',
      reason: 'other-app-id',
      projects: { main: { deletions: [] } },
    });
  });

  it('does not keep the others from being deleted', async () => {
    const house = erasingHouse();
    for (const id of [ada, 'cust_B', 'cust_C']) house.person({ id, email: 'family@example.com' });
    house.meddle = (call, pass) => (call.method === 'POST' && call.url.pathname.includes(ada) ? denied : pass());
    const { receipt } = await house.ask(one('email', 'family@example.com'));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'deletion-404-still-shown' });
    expect(house.deleted().toSorted()).toEqual(['cust_B', 'cust_C']);
  });
});

describe('a 404 on a deletion that is posted again', () => {
  it('after a look that showed them is confirmed by one more look', async () => {
    const house = denying();
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    const calls = house.sent.length;
    house.meddle = (call, pass) => {
      if (call.method === 'POST') house.sandbox.softDelete(ada);
      return call.method === 'POST' ? denied : pass();
    };
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(house.sent.slice(calls)).toEqual([get, post, get]);
  });
});

describe('the quota of a deletion that is answered 404', () => {
  it.each([
    [1, 'is that of the look-up and the deletion as long as it is not', false],
    [2, 'has the confirming look reserved when it is needed', true],
  ])('in %i reservations, %s', async (reservations, _, isDenied) => {
    let writes = 0;
    const house = erasingHouse({
      change: ({ control }) => ({
        control: {
          ...control,
          write: (key, ...more) => {
            if (key === 'rate-limit#main') writes += 1;
            return control.write(key, ...more);
          },
        },
      }),
    });
    house.person({ id: ada, source_id: 'crm-1' });
    house.meddle = (call, pass) => (isDenied && call.method === 'POST' ? denied : pass());
    await house.ask(one('source_id', 'crm-1'));
    expect(house.sent).toHaveLength(isDenied ? 3 : 2);
    expect(writes).toBe(reservations);
  });

  it('that lets two calls into one attempt still comes to its end', async () => {
    const house = erasingHouse({
      change: ({ settings }) => ({
        settings: {
          ...settings,
          projects: Object.fromEntries(
            Object.entries(settings.projects).map(([name, project]) => [
              name,
              { ...project, quotaShare: 0.5, callsPerMinute: 8 },
            ]),
          ),
        },
        wait: async ms => {
          house.clock.now += ms;
        },
      }),
    });
    house.person({ id: ada, source_id: 'crm-1' });
    const receipt = await house.accept(one('source_id', 'crm-1'));
    let isThere = true;
    house.meddle = (call, pass) => {
      // Without the headers of the sandbox's own limit, which is larger.
      if (call.method === 'GET') return { ...pass(), headers: {} };
      if (isThere) house.sandbox.softDelete(ada);
      isThere = false;
      return denied;
    };
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'open', lastResult: 'rate-limited' });
    expect(house.sent).toEqual(['GET /v1/customers/crm-1', post]);
    expect(await house.sweepWhenDue(receipt.id)).toMatchObject({ state: 'erased' });
    expect(house.sent.slice(2)).toEqual([get, post]);
  });
});
