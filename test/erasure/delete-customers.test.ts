import { describe, expect, it } from 'vitest';
import type { HttpResult } from '../../lambda/io/http-client.ts';
import { answer, done, html, notFound } from '../support/erasing-answers.ts';
import { type ErasingHouse, erasingHouse, one, start } from '../support/erasing-house.ts';

const family = ['cust_1', 'cust_2', 'cust_3', 'cust_4'];

const email = one('email', 'family@example.com');

function atHome(): ErasingHouse {
  const house = erasingHouse();
  // The list shows the newest first: pinned in this order.
  for (const [index, id] of family.entries()) {
    house.person({ id, email: 'family@example.com', created_at: new Date(start - index * 1000 - 1000).toISOString() });
  }
  return house;
}

/** Answers the deletion of one of them itself. */
function trouble(house: ErasingHouse, id: string, result: HttpResult): void {
  house.meddle = (call, pass) => (call.method === 'POST' && call.url.pathname.includes(id) ? result : pass());
}

const posted = (house: ErasingHouse) => house.sent.flatMap(call => /^POST .*(cust_\d)/.exec(call)?.[1] ?? []);

const lost = (mayHaveExecuted: boolean): HttpResult => ({
  kind: 'no-answer',
  code: 'connection-lost',
  mayHaveExecuted,
});

const ada = 'cust_AAAAAAAAAAAAAAAAAAAAAAAA';

const denied = answer(404, notFound);

const [get, post] = [`GET /v1/customers/${ada}`, `POST /v1/customers/${ada}/permanent-deletion`];

/** A customer whose deletions return 404, and whose look-ups return what `look` says. */
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

describe('one of several deletions fails', () => {
  it.each([
    ['a 500', answer(500, html)],
    ['a lost response', lost(true)],
    ['no proof', answer(200, {})],
    ['a 404 of a proxy', answer(404, html)],
  ])('%s: the others continue, and only the failed one is retried', async (_, result) => {
    const house = atHome();
    trouble(house, 'cust_2', result);
    const { receipt, outcome } = await house.ask(email);
    expect(outcome.kind).toBe('in-progress');
    expect(posted(house)).toEqual(family);
    expect(house.deleted()).toEqual(['cust_1', 'cust_3', 'cust_4']);
    const proved = receipt.projects['main']?.deletions ?? [];
    expect(proved.map(({ pin, proof, received }) => [pin, proof, received?.status])).toEqual([
      [0, 'deleted', 'DONE'],
      [2, 'deleted', 'DONE'],
      [3, 'deleted', 'DONE'],
    ]);
    house.meddle = undefined;
    const closed = await house.sweepWhenDue(receipt.id);
    expect(posted(house).slice(family.length)).toEqual(['cust_2']);
    expect(house.sent.slice(-2)).toEqual(['GET /v1/customers/cust_2', 'POST /v1/customers/cust_2/permanent-deletion']);
    expect(closed.projects['main']?.deletions).toEqual([
      ...proved,
      { ...proved[0], pin: 1, at: house.clock.now, received: expect.objectContaining({ status: 'DONE' }) },
    ]);
    expect(house.deleted().toSorted()).toEqual(family);
  });

  it.each([
    ['a refused key', answer(401, {})],
    ['a missing permission', answer(403, {})],
    ['a used-up plan', answer(402, {})],
    ['the limit', answer(429, {})],
    ['no connection', lost(false)],
  ])('%s: the others are postponed too', async (_, result) => {
    const house = atHome();
    trouble(house, 'cust_2', result);
    const { receipt } = await house.ask(email);
    expect(posted(house)).toEqual(['cust_1', 'cust_2']);
    expect(receipt.projects['main']).toMatchObject({
      state: 'open',
      pins: 4,
      mayHaveExecuted: false,
      deletions: [{ pin: 0 }],
    });
    house.meddle = undefined;
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await house.sweepWhenDue(receipt.id);
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'erased' });
    expect(house.deleted().toSorted()).toEqual(family);
  });

  it.each([
    ['a bad request', answer(400, {}), 'voucherify-400'],
    ['a wrong customer', answer(200, { ...done, related_object_id: 'cust_9' }), 'wrong-customer-deleted'],
  ])('%s: no further deletion is sent, and proofs are kept', async (_, result, reason) => {
    const house = atHome();
    trouble(house, 'cust_3', result);
    const { receipt } = await house.ask(email);
    expect(receipt).toMatchObject({
      state: 'needs-review',
      reason,
      projects: { main: { deletions: [{ pin: 0 }, { pin: 1 }] } },
    });
    expect(posted(house)).toEqual(['cust_1', 'cust_2', 'cust_3']);
  });

  it('review of one pin: wins over a retry of another', async () => {
    const house = atHome();
    house.meddle = (call, pass) => {
      if (call.url.pathname.includes('cust_1/')) return answer(503, html);
      return call.url.pathname.includes('cust_2/') ? answer(422, {}) : pass();
    };
    const { receipt } = await house.ask(email);
    expect(receipt).toMatchObject({
      state: 'needs-review',
      reason: 'voucherify-422',
      projects: { main: { mayHaveExecuted: true } },
    });
  });

  it('alarms: each one is raised', async () => {
    const house = atHome();
    trouble(house, 'cust_2', answer(402, {}));
    await house.ask(email);
    expect(house.alarms()).toEqual(['voucherify-quota-exhausted']);
  });
});

describe('all deletions fail', () => {
  it('retries: end as erased without a false report', async () => {
    const house = atHome();
    house.sandbox.outage('error');
    const { receipt } = await house.ask(email);
    expect(receipt).toMatchObject({ state: 'open', projects: { main: { pins: 0 } } });
    house.sandbox.outage(undefined);
    house.meddle = (call, pass) => (call.method === 'POST' ? lost(true) : pass());
    const again = await house.sweepWhenDue(receipt.id);
    expect(again.projects['main']).toMatchObject({ state: 'open', pins: 4, mayHaveExecuted: true, deletions: [] });
    house.meddle = (call, pass) => (call.method === 'POST' && pass() ? lost(true) : pass());
    await house.sweepWhenDue(receipt.id);
    expect(house.deleted().toSorted()).toEqual(family);
    house.meddle = undefined;
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed.state).toBe('erased');
    expect(closed.projects['main']?.deletions.map(({ pin, proof }) => [pin, proof])).toEqual(
      family.map((_, pin) => [pin, 'gone']),
    );
    expect(house.deleted()).toHaveLength(4);
  });

  it.each(['hang', 'down', 'error'] as const)('outage of days (%s): every customer is deleted once', async mode => {
    const house = atHome();
    house.sandbox.outage(mode);
    const { receipt } = await house.ask(email);
    for (let sweeps = 0; sweeps < 60; sweeps += 1) {
      const open = await house.sweepWhenDue(receipt.id);
      expect(open).toMatchObject({ state: 'open', unrecordedClaims: 0 });
    }
    expect(house.clock.now - start).toBeGreaterThan(86_400_000);
    house.sandbox.outage(undefined);
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await house.sweepWhenDue(receipt.id);
    expect(await house.receipt(receipt.id)).toMatchObject({ state: 'erased' });
    expect(house.deleted().toSorted()).toEqual(family);
  });
});

describe('404 on the deletion of a seen pin', () => {
  it('customer still shown: is no proof, and the third time needs review', async () => {
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

  it('DONE on the next attempt: is erased', async () => {
    const house = denying();
    const { receipt } = await house.ask(one('source_id', 'crm-1'));
    house.meddle = undefined;
    const closed = await house.sweepWhenDue(receipt.id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'deleted' }] } } });
  });

  it('another customer under the id: proves nothing', async () => {
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
    ['an invalid customer', answer(200, { id: 'crm-1' })],
  ])(
    'failed look-up (%s): counts as nothing, and the next attempt proves the deletion with two calls',
    async (_, look) => {
      const house = denying(look);
      const { receipt } = await house.ask(one('source_id', 'crm-1'));
      expect(receipt).toMatchObject({ state: 'open', projects: { main: { mayHaveExecuted: true, deletions: [] } } });
      house.sandbox.softDelete(ada);
      const calls = house.sent.length;
      house.meddle = (call, pass) => (call.method === 'POST' ? denied : pass());
      const closed = await house.sweepWhenDue(receipt.id);
      expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'gone' }] } } });
      expect(house.sent.slice(calls)).toEqual([get, post]);
    },
  );

  it('key replaced before the look-up: needs review', async () => {
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

  it('other customers: are still deleted', async () => {
    const house = erasingHouse();
    for (const id of [ada, 'cust_B', 'cust_C']) house.person({ id, email: 'family@example.com' });
    house.meddle = (call, pass) => (call.method === 'POST' && call.url.pathname.includes(ada) ? denied : pass());
    const { receipt } = await house.ask(one('email', 'family@example.com'));
    expect(receipt).toMatchObject({ state: 'open', lastResult: 'deletion-404-still-shown' });
    expect(house.deleted().toSorted()).toEqual(['cust_B', 'cust_C']);
  });
});

describe('404 on a repeated deletion', () => {
  it('customer shown before: is confirmed with one more look-up', async () => {
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

describe('quota for a deletion with 404', () => {
  it.each([
    [1, 'is that of the look-up and the deletion as long as it is not', false],
    [2, 'has the confirming look reserved when it is needed', true],
  ])('%i reservations: %s', async (reservations, _, isDenied) => {
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

  it('two calls per attempt: still ends', async () => {
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
