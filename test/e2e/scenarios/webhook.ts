import assert from 'node:assert/strict';
import type { Checks } from '../support/checks.ts';
import { deleteRequest, ketchSecret, send, standingOf } from '../support/messages.ts';
import { tally } from '../support/timeline.ts';
import { firstKey } from '../support/voucherify.ts';
import type { World } from '../support/world.ts';

/** Somebody whom Voucherify knows since last year. */
export function register({ sandbox }: World, sourceId: string): string {
  return sandbox.register({ source_id: sourceId, created_at: '2025-03-01T09:00:00.000Z' }, firstKey.project);
}

/** Checks a new deployment whose secrets are still placeholders. */
export async function placeholders(world: World, checks: Checks): Promise<void> {
  const customer = register(world, 'crm-early');
  const webhook = await world.start('webhook');
  await checks.step('secrets that hold placeholders: 503, nothing stored, nothing asked of Voucherify', async () => {
    const guesses = ['Bearer anything', 'REPLACE_ME', ''];
    const answers = await Promise.all(guesses.map(secret => send(webhook, deleteRequest('crm-early', { secret }))));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [503, 503, 503],
    );
    assert.ok(answers.every(({ headers }) => Number(headers['retry-after']) > 0));
    assert.deepEqual([await world.account.rows('receipts'), await world.account.rows('identifiers')], [[], []]);
    assert.deepEqual(world.sandbox.calls(), []);
  });
  await webhook.stop();
  await world.account.fill('erasure/platform/ketch', { current: ketchSecret });
  const { appId, appToken } = firstKey;
  await world.account.fill('erasure/voucherify/main', { appId, appToken });
  assert.ok(world.sandbox.customers().some(({ id }) => id === customer));
}

/** The person is gone, the receipt proves it, and no personal data is left. */
export async function erasure(world: World, checks: Checks): Promise<void> {
  const customer = register(world, 'crm-10042');
  const event = deleteRequest('crm-10042');
  const webhook = await world.start('webhook');
  const began = world.timeline.now();
  let first = '';
  await checks.step('one erasure through the webhook: answered completed, executed', async () => {
    const answer = await send(webhook, event);
    first = answer.text;
    assert.equal(answer.status, 200);
    assert.deepEqual([standingOf(answer).status, standingOf(answer).reason], ['completed', 'executed']);
  });
  checks.note(`calls, the first time that this project is asked at all: ${tally(world.timeline.since(began))}`);
  await checks.step('the sandbox logged one permanent deletion, of that person', () => {
    assert.deepEqual(
      world.sandbox.deletions().map(({ customerId }) => customerId),
      [customer],
    );
  });
  await checks.step('the receipt proves it and the identifiers are gone', async () => {
    const [receipt] = await world.account.receipts();
    assert.equal(receipt?.state, 'erased');
    assert.equal(receipt?.projects['main']?.deletions[0]?.received?.data_json['customer'], 1);
    assert.deepEqual(await world.account.rows('identifiers'), []);
  });
  await checks.step('no personal data in the receipts table', async () => {
    const rows = (await world.account.rows('receipts')).join('\n');
    for (const personal of ['crm-10042', customer, 'Erika', '@example.com'])
      assert.ok(!rows.includes(personal), personal);
  });
  await checks.step('the same request again: the same answer, nothing asked of Voucherify', async () => {
    const calls = world.sandbox.calls().length;
    assert.equal((await send(webhook, event)).text, first);
    assert.deepEqual([world.sandbox.calls().length, world.sandbox.deletions().length], [calls, 1]);
  });
  await refused(world, checks, webhook);
  await webhook.stop();
}

async function refused(world: World, checks: Checks, webhook: Awaited<ReturnType<World['start']>>): Promise<void> {
  register(world, 'crm-refused');
  await checks.step('a wrong secret: 403, and the tables are as they were', async () => {
    const stored = async () => [await world.account.rows('receipts'), await world.account.rows('identifiers')];
    const before = await stored();
    const calls = world.sandbox.calls().length;
    const answer = await send(webhook, deleteRequest('crm-refused', { secret: `${ketchSecret}x` }));
    assert.equal(answer.status, 403);
    assert.ok(!answer.text.includes('crm-refused'));
    assert.deepEqual(await stored(), before);
    assert.equal(world.sandbox.calls().length, calls);
  });
}

/** A key that Voucherify no longer takes, while the function still holds it. */
export async function rotation(world: World, checks: Checks): Promise<void> {
  const webhook = await world.start('webhook');
  const before = register(world, 'crm-before-rotation');
  const after = register(world, 'crm-after-rotation');
  const deleted = () => world.sandbox.deletions().map(({ customerId }) => customerId);
  await checks.step('a Voucherify key in use, then rotated: erased without a failure seen outside', async () => {
    await send(webhook, deleteRequest('crm-before-rotation'));
    assert.ok(deleted().includes(before));
    const next = { appId: 'app-after-rotation', appToken: 'token-after-rotation' };
    world.sandbox.addKey({ ...next, project: firstKey.project });
    world.sandbox.revoke(firstKey.appId);
    await world.account.fill('erasure/voucherify/main', next);
    const answer = await send(webhook, deleteRequest('crm-after-rotation'));
    assert.deepEqual(
      [answer.status, standingOf(answer).status, standingOf(answer).reason],
      [200, 'completed', 'executed'],
    );
    assert.ok(deleted().includes(after));
    assert.equal(world.sandbox.calls().filter(({ status }) => status === 401).length, 1);
  });
  await webhook.stop();
}
