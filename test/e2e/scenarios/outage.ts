import assert from 'node:assert/strict';
import { createLocalJWKSet, jwtVerify } from 'jose';
import * as v from 'valibot';
import { issuer } from '../../../lambda/receipts/evidence.ts';
import { evidenceType, keySet } from '../../../lambda/receipts/signer.ts';
import type { Checks } from '../support/checks.ts';
import { callback, deleteRequest, send, standingOf, tick } from '../support/messages.ts';
import type { World } from '../support/world.ts';
import { register } from './webhook.ts';

/** The sweep's clock runs ahead by this much instead of anybody waiting for the backoff. */
const aheadMs = 60_000;

const swept = v.object({ claimed: v.number(), closed: v.number(), delivered: v.number(), unsigned: v.number() });
const event = v.object({ kind: v.string(), event: v.object({ status: v.string(), reason: v.string() }) });

/** Checks a request that is accepted while Voucherify is down, finished by the sweep's bundle, and reported by callback. */
export async function outage(world: World, checks: Checks): Promise<void> {
  const customer = register(world, 'crm-outage');
  const deleted = () => world.sandbox.deletions().filter(({ customerId }) => customerId === customer).length;
  const webhook = await world.start('webhook');
  let receipt = '';
  world.sandbox.outage('down');
  await checks.step('Voucherify down: accepted and answered in_progress, nothing lost', async () => {
    const answer = await send(webhook, deleteRequest('crm-outage', { callbacks: [callback] }));
    assert.equal(answer.status, 200);
    assert.deepEqual([standingOf(answer).status, deleted()], ['in_progress', 0]);
    receipt = standingOf(answer).receipt;
    assert.equal((await receiptOf(world, receipt))?.state, 'open');
    assert.equal((await world.account.rows('identifiers')).length, 1);
  });
  await webhook.stop();
  world.sandbox.outage(undefined);
  const sweeper = await world.start('sweeper', { aheadMs });
  await checks.step(
    `Voucherify back: the sweep erases (its clock ${aheadMs / 1000} s ahead, past the backoff)`,
    async () => {
      const result = v.parse(swept, await sweeper.invoke(tick));
      assert.deepEqual(result, { claimed: 1, closed: 1, delivered: 1, unsigned: 0 });
      assert.deepEqual([deleted(), (await receiptOf(world, receipt))?.state], [1, 'erased']);
    },
  );
  await checks.step('the callback came with its header, and the identifiers are gone', async () => {
    const [got, ...more] = world.callbacks;
    assert.deepEqual([got?.url, got?.authorization, more], ['/callbacks/1', callback.headers.Authorization, []]);
    const { kind, event: received } = v.parse(event, got?.body);
    assert.deepEqual([kind, received.status, received.reason], ['DeleteStatusEvent', 'completed', 'executed']);
    assert.deepEqual(await world.account.rows('identifiers'), []);
  });
  await checks.step('its evidence is signed by the key in KMS, and a JOSE library verifies it', async () => {
    const { evidence = '', platform } = (await receiptOf(world, receipt)) ?? {};
    const keys = createLocalJWKSet(keySet(await world.account.evidenceKey()));
    const { payload } = await jwtVerify(evidence, keys, { issuer, typ: evidenceType, clockTolerance: aheadMs / 1000 });
    assert.deepEqual([payload['receipt'], payload['platform'], payload['outcome']], [receipt, platform, 'erased']);
  });
  await checks.step('the next sweep has nothing to do', async () => {
    assert.deepEqual(v.parse(swept, await sweeper.invoke(tick)), { claimed: 0, closed: 0, delivered: 0, unsigned: 0 });
    assert.equal(world.callbacks.length, 1);
  });
  await sweeper.stop();
}

async function receiptOf({ account }: World, id: string) {
  return (await account.receipts()).find(receipt => receipt.id === id);
}
