import assert from 'node:assert/strict';
import type { Checks } from '../support/checks.ts';
import type { Harness } from '../support/harness.ts';
import { deleteRequest, ketchSecret, resultOf, send } from '../support/messages.ts';
import { tally } from '../support/recorder.ts';
import { firstKey } from '../support/servers.ts';

/** Registers a customer with an old creation time; returns the id. */
export function register({ sandbox }: Harness, sourceId: string): string {
  return sandbox.register({ source_id: sourceId, created_at: '2025-03-01T09:00:00.000Z' }, firstKey.project);
}

/** Checks a new deployment whose secrets are still placeholders. */
export async function placeholders(harness: Harness, checks: Checks): Promise<void> {
  const customer = register(harness, 'crm-early');
  const webhook = await harness.start('webhook');
  await checks.step('placeholder secrets: 503, nothing stored, no call to Voucherify', async () => {
    const guesses = ['Bearer anything', 'REPLACE_ME', ''];
    const replies = await Promise.all(guesses.map(secret => send(webhook, deleteRequest('crm-early', { secret }))));
    assert.deepEqual(
      replies.map(({ status }) => status),
      [503, 503, 503],
    );
    assert.ok(replies.every(({ headers }) => Number(headers['retry-after']) > 0));
    assert.deepEqual([await harness.account.rows('receipts'), await harness.account.rows('identifiers')], [[], []]);
    assert.deepEqual(harness.sandbox.calls(), []);
  });
  await webhook.stop();
  await harness.account.fill('erasure/platform/ketch', { current: ketchSecret });
  const { appId, appToken } = firstKey;
  await harness.account.fill('erasure/voucherify/main', { appId, appToken });
  assert.ok(harness.sandbox.customers().some(({ id }) => id === customer));
}

/** Returns the rows of the identifiers table without the pins, which stay for a minute until the erasure is verified. */
export async function withoutPins({ account }: Harness): Promise<readonly string[]> {
  return (await account.rows('identifiers')).filter(row => !row.includes('pins#'));
}

/** Checks that the person is deleted, the receipt proves it, and no personal data is left. */
export async function erasure(harness: Harness, checks: Checks): Promise<void> {
  const customer = register(harness, 'crm-10042');
  const event = deleteRequest('crm-10042');
  const webhook = await harness.start('webhook');
  const began = harness.timeline.now();
  let first = '';
  await checks.step('one erasure through the webhook: the reply is completed, executed', async () => {
    const reply = await send(webhook, event);
    first = reply.text;
    assert.equal(reply.status, 200);
    assert.deepEqual([resultOf(reply).status, resultOf(reply).reason], ['completed', 'executed']);
  });
  checks.note(`calls of the project's first erasure: ${tally(harness.timeline.since(began))}`);
  await checks.step('the sandbox logged one permanent deletion, of that customer', () => {
    assert.deepEqual(
      harness.sandbox.deletions().map(({ customerId }) => customerId),
      [customer],
    );
  });
  await checks.step('the receipt proves it, and only the pin is left, for the verification', async () => {
    const [receipt] = await harness.account.receipts();
    assert.equal(receipt?.state, 'erased');
    assert.equal(receipt?.projects['main']?.deletions[0]?.received?.data_json['customer'], 1);
    assert.deepEqual(await withoutPins(harness), []);
    assert.equal((await harness.account.rows('identifiers')).length, 1);
  });
  await checks.step('no personal data in the receipts table', async () => {
    const rows = (await harness.account.rows('receipts')).join('\n');
    for (const personal of ['crm-10042', customer, 'Erika', '@example.com'])
      assert.ok(!rows.includes(personal), personal);
  });
  await checks.step('the same request again: the same reply, no call to Voucherify', async () => {
    const calls = harness.sandbox.calls().length;
    assert.equal((await send(webhook, event)).text, first);
    assert.deepEqual([harness.sandbox.calls().length, harness.sandbox.deletions().length], [calls, 1]);
  });
  await refused(harness, checks, webhook);
  await webhook.stop();
}

async function refused(
  harness: Harness,
  checks: Checks,
  webhook: Awaited<ReturnType<Harness['start']>>,
): Promise<void> {
  register(harness, 'crm-refused');
  await checks.step('a wrong secret: 403, and the tables do not change', async () => {
    const stored = async () => [await harness.account.rows('receipts'), await harness.account.rows('identifiers')];
    const before = await stored();
    const calls = harness.sandbox.calls().length;
    const reply = await send(webhook, deleteRequest('crm-refused', { secret: `${ketchSecret}x` }));
    assert.equal(reply.status, 403);
    assert.ok(!reply.text.includes('crm-refused'));
    assert.deepEqual(await stored(), before);
    assert.equal(harness.sandbox.calls().length, calls);
  });
}

/** Checks that an operator can preview and erase by invoking the function, without a request of API Gateway. */
export async function byHand(harness: Harness, checks: Checks): Promise<void> {
  const customer = register(harness, 'crm-by-hand');
  const webhook = await harness.start('webhook');
  const identifiers = [{ kind: 'source_id', value: 'crm-by-hand' }];
  const requests = [{ reference: '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c99', identifiers }];
  const deleted = () => harness.sandbox.deletions().some(({ customerId }) => customerId === customer);
  await checks.step('a preview by hand: one customer is found, and none is deleted', async () => {
    const reply = JSON.stringify(await webhook.invoke({ manual: { action: 'preview', requests } }));
    assert.ok(reply.includes('{"main":{"kind":"found","customers":1}}'), reply);
    assert.ok(!deleted());
  });
  await checks.step('an erasure by hand: erased, and the receipt names who asked', async () => {
    const manual = { action: 'erase', requests, by: 'arn:aws:iam::123456789012:user/zoe', reason: 'a letter' };
    const reply = JSON.stringify(await webhook.invoke({ manual }));
    assert.ok(reply.includes('"outcome":"erased"'), reply);
    assert.ok(deleted());
    const receipt = (await harness.account.receipts()).find(({ platform }) => platform === 'manual');
    assert.equal(receipt?.decisions?.[0]?.actor, manual.by);
  });
  await webhook.stop();
}

/** Checks a function whose cached key Voucherify no longer accepts. */
export async function rotation(harness: Harness, checks: Checks): Promise<void> {
  const webhook = await harness.start('webhook');
  const before = register(harness, 'crm-before-rotation');
  const after = register(harness, 'crm-after-rotation');
  const deleted = () => harness.sandbox.deletions().map(({ customerId }) => customerId);
  await checks.step('a cached Voucherify key that was rotated: erased, and the platform sees no failure', async () => {
    await send(webhook, deleteRequest('crm-before-rotation'));
    assert.ok(deleted().includes(before));
    const next = { appId: 'app-after-rotation', appToken: 'token-after-rotation' };
    harness.sandbox.addKey({ ...next, project: firstKey.project });
    harness.sandbox.revoke(firstKey.appId);
    await harness.account.fill('erasure/voucherify/main', next);
    const reply = await send(webhook, deleteRequest('crm-after-rotation'));
    assert.deepEqual([reply.status, resultOf(reply).status, resultOf(reply).reason], [200, 'completed', 'executed']);
    assert.ok(deleted().includes(after));
    assert.equal(harness.sandbox.calls().filter(({ status }) => status === 401).length, 1);
  });
  await webhook.stop();
}
