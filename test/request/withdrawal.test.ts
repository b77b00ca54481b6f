import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import recipe from '../../docs/platforms/recipes/opendsr.json' with { type: 'json' };
import { setLegalHold } from '../../lambda/control/legal-holds.ts';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import { decideRetry } from '../../lambda/receipts/transitions.ts';
import { createHarness, type Harness, type HarnessOptions } from '../support/harness.ts';
import { response } from '../support/voucherify-responses.ts';

const current = 'secret-of-the-platform-1a2b3c';
const other = 'secret-of-another-platform-4d5e6f';
const callback = 'https://privacy.example.com/outcome';
const withdrawAnswers = { refused: { status: 202, body: { state: 'withdrawn' } } };

const platform = {
  type: 'generic',
  authentication: { kind: 'header', header: 'X-Key' },
  rules: [
    { when: { '/type': 'erasure' }, do: 'erase' },
    { when: { '/type': 'cancel' }, do: 'withdraw' },
  ],
  reference: '/id',
  identifiers: { '/customer': 'source_id' },
  withdrawAnswers,
  callback: { url: callback },
  callbackOrigins: ['https://privacy.example.com'],
};

const secretsOf = (...names: readonly (readonly [string, string])[]) =>
  Object.fromEntries(names.map(([name, text]) => [`erasure/platform/${name}`, JSON.stringify({ current: text })]));

/** Two platforms with secrets of their own; a request waits an hour unless the test changes that. */
function harnessWith(options: HarnessOptions = {}): Harness {
  const harness = createHarness({
    platforms: { osano: platform, ecwid: platform },
    secrets: secretsOf(['osano', current], ['ecwid', other]),
    limits: { delaySeconds: 3600 },
    customers: [],
    ...options,
  });
  harness.addCustomer({ source_id: 'crm-1' });
  return harness;
}

const post = (body: object, name = 'osano', key = current) => ({
  ...{ method: 'POST', path: `/webhooks/${name}`, body: JSON.stringify(body) },
  headers: { 'Content-Type': 'application/json', 'X-Key': key },
});
const request = post({ type: 'erasure', id: 'r-1', customer: 'crm-1' });
const remove = (name = 'osano', key = current, id = 'r-1') => ({
  ...{ method: 'DELETE', path: `/webhooks/${name}/${id}`, headers: { 'X-Key': key }, body: '' },
});
const cancel = post({ type: 'cancel', id: 'r-1' });

const ways = [
  ['DELETE of the status route', remove()],
  ['a message that a rule withdraws', cancel],
] as const;

async function onlyReceipt(harness: Harness) {
  const [receipt, ...others] = await harness.receipts();
  if (receipt === undefined || others.length > 0) throw new Error('expected one receipt');
  return receipt;
}

describe.each(ways)('withdrawal by %s', (_, message) => {
  test('before a customer is pinned: is closed as refused, nobody is deleted, and the evidence says withdrawn', async () => {
    const harness = harnessWith();
    await harness.send(request);
    expect(await harness.send(message)).toMatchObject({ status: 202, json: { state: 'withdrawn' } });
    await harness.sweep();
    await harness.sweep(harness.clock.now + 7_200_000);
    const receipt = await onlyReceipt(harness);
    expect(receipt).toMatchObject({ state: 'refused', reason: 'withdrawn' });
    expect(harness.deleted()).toEqual([]);
    expect(await harness.store.readPersonalData(receipt.id)).toMatchObject({ identifiers: [] });
    expect(evidenceOf(receipt)).toMatchObject({
      outcome: 'refused',
      reason: 'withdrawn',
      decisions: [{ action: 'withdraw', actor: 'platform:osano' }],
    });
  });

  test('repeated, and the request repeated: both say the same', async () => {
    const harness = harnessWith();
    await harness.send(request);
    await harness.send(message);
    expect(await harness.send(message)).toMatchObject({ status: 202 });
    expect((await harness.send(request)).json).toMatchObject({ status: 'refused', final: true });
    await harness.sweep();
    expect(await harness.send(message)).toMatchObject({ status: 202 });
    expect((await harness.send(request)).json).toMatchObject({ status: 'refused', final: true });
    expect((await onlyReceipt(harness)).decisions).toHaveLength(1);
  });

  test('after the erasure: the outcome stands', async () => {
    const harness = harnessWith({ limits: {} });
    await harness.send(request);
    expect(harness.deleted()).toHaveLength(1);
    expect(await harness.send(message)).toMatchObject({ status: 200, json: { status: 'erased', final: true } });
    expect((await onlyReceipt(harness)).state).toBe('erased');
  });

  test('after a customer is pinned: the erasure continues', async () => {
    const harness = harnessWith({ limits: {} });
    harness.intercept = (call, pass) => (call.method === 'POST' ? response(500, {}) : pass());
    await harness.send(request);
    harness.intercept = undefined;
    expect(await harness.send(message)).toMatchObject({ status: 202, json: { status: 'in_progress', final: false } });
    const { id } = await onlyReceipt(harness);
    expect((await harness.sweepWhenDue(id)).state).toBe('erased');
  });

  test('of a request in review: is closed as refused', async () => {
    const harness = harnessWith({ limits: {} });
    harness.intercept = () => response(400, {});
    await harness.send(request);
    expect((await onlyReceipt(harness)).state).toBe('needs-review');
    await harness.send(message);
    await harness.sweep();
    const receipt = await onlyReceipt(harness);
    expect(receipt).toMatchObject({ state: 'refused', reason: 'withdrawn' });
    expect(receipt.decisions).toMatchObject([{ action: 'withdraw', reviewReason: 'voucherify-400' }]);
  });

  test('under a legal hold: is closed as refused, and the evidence says that the hold was in effect', async () => {
    const harness = harnessWith({ limits: {} });
    const { subject } = await harness.services.pseudonymizer();
    const id = subject({ kind: 'source_id', value: 'crm-1' });
    const until = harness.clock.now + 86_400_000;
    const decision = { actor: 'ada', reason: 'a lawsuit', at: harness.clock.now };
    await setLegalHold({ id, kind: 'source_id', until, ...decision }, harness.store.control);
    await harness.send(request);
    expect(await onlyReceipt(harness)).toMatchObject({ state: 'needs-review', reason: 'legal-hold' });
    expect(await harness.send(message)).toMatchObject({ status: 202, json: { state: 'withdrawn' } });
    await harness.sweep(harness.clock.now + 1000);
    const receipt = await onlyReceipt(harness);
    expect(receipt).toMatchObject({ state: 'refused', reason: 'withdrawn' });
    expect(evidenceOf(receipt)).toMatchObject({ legalHolds: [{ hold: id }], outcome: 'refused' });
    await harness.sweep(until + 3_600_000);
    expect(harness.deleted()).toEqual([]);
  });

  test('while an attempt looks up: nothing is pinned or deleted afterwards', async () => {
    const harness = harnessWith({ limits: {} });
    let isWithdrawn = false;
    harness.intercept = async (_, pass) => {
      if (!isWithdrawn) {
        isWithdrawn = true;
        expect(await harness.send(message)).toMatchObject({ status: 202, json: { state: 'withdrawn' } });
      }
      return pass();
    };
    expect((await harness.send(request)).json).toMatchObject({ status: 'refused' });
    await harness.sweep(harness.clock.now + 120_000);
    expect((await onlyReceipt(harness)).state).toBe('refused');
    expect(harness.deleted()).toEqual([]);
  });

  test('while an attempt finds nobody: the outcome is still refused, as the platform was told', async () => {
    const harness = harnessWith({ limits: {} });
    let isWithdrawn = false;
    harness.intercept = async (_, pass) => {
      if (!isWithdrawn) {
        isWithdrawn = true;
        await harness.send({
          ...message,
          ...(message.method === 'DELETE' && { path: '/webhooks/osano/r-2' }),
          ...(message.method === 'POST' && { body: JSON.stringify({ type: 'cancel', id: 'r-2' }) }),
        });
      }
      return pass();
    };
    await harness.send(post({ type: 'erasure', id: 'r-2', customer: 'unknown' }));
    expect((await onlyReceipt(harness)).state).toBe('refused');
  });

  test('by an operator who retries: is not undone', async () => {
    const harness = harnessWith();
    await harness.send(request);
    await harness.send(message);
    const receipt = await onlyReceipt(harness);
    const retried = decideRetry(receipt, { actor: 'ada', action: 'retry', reason: 'again', at: harness.clock.now });
    expect(retried).toBeUndefined();
  });

  test('of an unknown request: is 404, stores nothing and raises an alarm', async () => {
    const harness = harnessWith();
    expect((await harness.send(message)).status).toBe(404);
    expect(await harness.receipts()).toEqual([]);
    expect(harness.alarms()).toEqual(['request-rejected']);
  });
});

describe('a list of orders', () => {
  const list = { ...platform, each: '/orders' };
  const sendList = async (...orders: object[]) => {
    const harness = harnessWith({ platforms: { osano: list } });
    const { status } = await harness.send(post({ orders }));
    return { status, alarms: harness.alarms(), receipts: (await harness.receipts()).length };
  };
  const erasure = { type: 'erasure', id: 'r-1', customer: 'crm-1' };
  const unknown = ['r-8', 'r-9'].map(id => ({ type: 'cancel', id }));
  const alarms = ['request-rejected'];

  test.each([1, 2])('only withdrawals of %i unknown requests: 404 and an alarm', async count => {
    expect(await sendList(...unknown.slice(0, count))).toEqual({ status: 404, alarms, receipts: 0 });
  });

  test.each([1, 2])(
    'an erasure and withdrawals of %i unknown requests: the erasure is acknowledged, and an alarm',
    async count => {
      const sent = [erasure, ...unknown.slice(0, count)];
      expect(await sendList(...sent)).toEqual({ status: 202, alarms, receipts: 1 });
    },
  );

  test('an unreadable order and a withdrawal of an unknown request: 404, and an alarm for each', async () => {
    const { id: _, ...unreadable } = erasure;
    const reply = await sendList(unreadable, ...unknown.slice(0, 1));
    expect(reply).toEqual({ status: 404, alarms: [...alarms, ...alarms], receipts: 0 });
  });
});

describe('who may withdraw', () => {
  test('another platform with its own secret: finds no such request, and the erasure continues', async () => {
    const harness = harnessWith();
    await harness.send(request);
    expect((await harness.send(remove('ecwid', other))).status).toBe(404);
    expect((await harness.send(post({ type: 'cancel', id: 'r-1' }, 'ecwid', other))).status).toBe(404);
    expect(await onlyReceipt(harness)).not.toHaveProperty('decisions');
  });

  test.each(['osano', 'ecwid'])('without the secret of %s: is 401', async name => {
    const harness = harnessWith();
    await harness.send(request);
    const wrong = name === 'osano' ? other : current;
    expect((await harness.send(remove(name, wrong))).status).toBe(401);
    expect(await onlyReceipt(harness)).not.toHaveProperty('decisions');
  });

  test('platform without withdrawAnswers: has no DELETE', async () => {
    const { withdrawAnswers: _, ...without } = platform;
    const harness = harnessWith({ platforms: { osano: without, ecwid: without } });
    const reply = await harness.send(remove());
    expect([reply.status, reply.headers['allow']]).toEqual([405, 'GET']);
  });

  const hmac = (signs: string) => ({ kind: 'hmac', header: 'X-Signature', signs, encoding: 'hex' });

  test.each([
    ['an hmac without the method', hmac('{url}\n{body}')],
    ['standard-webhooks, which never covers the method', { kind: 'standard-webhooks' }],
  ])('%s: a status request cannot become a withdrawal', async (_, authentication) => {
    const harness = harnessWith({ platforms: { osano: { ...platform, authentication } } });
    expect((await harness.send({ ...remove(), path: '/webhooks/osano/r-1' })).headers['allow']).toBe('GET');
  });

  test('an hmac of method and URL: is accepted for this method and request only', async () => {
    const authentication = hmac('{method} {url} {body}');
    const harness = harnessWith({ platforms: { osano: { ...platform, authentication } } });
    const url = (path: string) => `https://erasure.example.com/v1${path}`;
    const signed = (message: ReturnType<typeof remove>, as = message) => ({
      ...message,
      headers: {
        'Content-Type': 'application/json',
        'X-Signature': createHmac('sha256', current)
          .update(`${as.method} ${url(as.path)} ${as.body}`)
          .digest('hex'),
      },
    });
    const erase = { ...request, headers: { 'X-Key': '' } };
    expect((await harness.send(signed(erase))).status).toBe(202);
    const status = { ...remove(), method: 'GET' };
    expect((await harness.send(signed(remove(), status))).status).toBe(401);
    expect((await harness.send(signed(remove(), remove('osano', current, 'r-2')))).status).toBe(401);
    expect((await harness.send(signed(remove()))).status).toBe(202);
  });
});

test('OpenDSR: DELETE of a pending request is 202, and its status is cancelled', async () => {
  const key = 'Bearer secret-of-the-platform-1a2b3c';
  const { platforms } = recipe;
  const harness = harnessWith({ platforms, secrets: secretsOf(['opendsr', key]) });
  const id = 'a7551968-d5d6-44b2-9831-815ac9017798';
  const body = {
    ...{ subject_request_id: id, subject_request_type: 'erasure', submitted_time: '2026-01-15T11:00:00Z' },
    ...{ controller_id: 'shop', status_callback_urls: [] },
    subject_identities: [{ identity_type: 'controller_customer_id', identity_value: 'crm-1', identity_format: 'raw' }],
  };
  const headers = { 'Content-Type': 'application/json', Authorization: key };
  await harness.send({ method: 'POST', path: '/webhooks/opendsr', headers, body: JSON.stringify(body) });
  const path = `/webhooks/opendsr/${id}`;
  const cancelled = await harness.send({ method: 'DELETE', path, headers: { Authorization: key }, body: '' });
  expect(cancelled).toMatchObject({ status: 202, json: { subject_request_id: id } });
  const status = await harness.send({ method: 'GET', path, headers: { Authorization: key }, body: '' });
  expect(status.json).toMatchObject({ subject_request_id: id, request_status: 'cancelled' });
  await harness.sweep();
  expect((await onlyReceipt(harness)).reason).toBe('withdrawn');
});

describe('list with withdrawals', () => {
  test('erasures and withdrawals: each is carried out, and an unknown one raises an alarm', async () => {
    const harness = harnessWith({ platforms: { osano: { ...platform, each: '/orders' } } });
    await harness.send(post({ orders: [{ type: 'erasure', id: 'r-1', customer: 'crm-1' }] }));
    const orders = [
      { type: 'cancel', id: 'r-1' },
      { type: 'cancel', id: 'unknown' },
      { type: 'erasure', id: 'r-2', customer: 'crm-2' },
    ];
    expect((await harness.send(post({ orders }))).status).toBeLessThan(300);
    expect((await harness.receipts()).map(one => one.decisions?.at(-1)?.action)).toEqual(['withdraw', undefined]);
    expect(harness.alarms()).toEqual(['request-rejected']);
  });

  test('letter case of a withdrawal differs: is refused with an alarm, not ignored', async () => {
    const harness = harnessWith({ platforms: { osano: { ...platform, otherwise: 'ignore' } } });
    expect((await harness.send(post({ type: 'Cancel', id: 'r-1' }))).status).toBe(400);
  });
});
