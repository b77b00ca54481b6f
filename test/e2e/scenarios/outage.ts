import assert from 'node:assert/strict';
import { createLocalJWKSet, jwtVerify } from 'jose';
import * as v from 'valibot';
import { evidenceType, issuer, keySet } from '../../../lambda/receipts/evidence.ts';
import type { Checks } from '../support/checks.ts';
import type { Harness } from '../support/harness.ts';
import { callback, deleteRequest, resultOf, send, tick } from '../support/messages.ts';
import { register, withoutPins } from './webhook.ts';

/** The sweep's clock is ahead by this much, so that the run does not wait for the backoff. */
const aheadMs = 60_000;
/** And this much, so that it does not wait for the verification, a minute after the deletion. */
const verifiedMs = 180_000;

const swept = v.object({ claimed: v.number(), closed: v.number(), delivered: v.number(), unsigned: v.number() });
const event = v.object({ kind: v.string(), event: v.object({ status: v.string(), reason: v.string() }) });

/** Checks a request that is accepted while Voucherify is down, finished by the sweep's bundle, and reported by callback. */
export async function outage(harness: Harness, checks: Checks): Promise<void> {
  const customer = register(harness, 'crm-outage');
  const deleted = () => harness.sandbox.deletions().filter(({ customerId }) => customerId === customer).length;
  const webhook = await harness.start('webhook');
  let receipt = '';
  harness.sandbox.outage('down');
  await checks.step('Voucherify down: the reply is in_progress, and the receipt is open', async () => {
    const reply = await send(webhook, deleteRequest('crm-outage', { callbacks: [callback] }));
    assert.equal(reply.status, 200);
    assert.deepEqual([resultOf(reply).status, deleted()], ['in_progress', 0]);
    receipt = resultOf(reply).receipt;
    assert.equal((await receiptOf(harness, receipt))?.state, 'open');
    assert.equal((await withoutPins(harness)).length, 1);
  });
  await webhook.stop();
  harness.sandbox.outage(undefined);
  const sweeper = await harness.start('sweeper', { aheadMs });
  await checks.step(
    `Voucherify back: the sweep erases (its clock is ${aheadMs / 1000} s ahead, past the backoff)`,
    async () => {
      const result = v.parse(swept, await sweeper.invoke(tick));
      assert.deepEqual(result, { claimed: 1, closed: 1, delivered: 1, unsigned: 0 });
      assert.deepEqual([deleted(), (await receiptOf(harness, receipt))?.state], [1, 'erased']);
    },
  );
  await checks.step('the callback has its header, and the identifiers are deleted', async () => {
    const [got, ...more] = harness.callbacks;
    assert.deepEqual([got?.url, got?.authorization, more], ['/callbacks/1', callback.headers.Authorization, []]);
    const { kind, event: received } = v.parse(event, got?.body);
    assert.deepEqual([kind, received.status, received.reason], ['DeleteStatusEvent', 'completed', 'executed']);
    assert.deepEqual(await withoutPins(harness), []);
  });
  await sweeper.stop();
  const later = await harness.start('sweeper', { aheadMs: verifiedMs });
  await checks.step('a minute later: the sweep looks the customer up once more, and deletes the pin', async () => {
    assert.deepEqual(v.parse(swept, await later.invoke(tick)), { claimed: 0, closed: 0, delivered: 0, unsigned: 0 });
    assert.equal((await receiptOf(harness, receipt))?.verification?.result, 'absent');
    // Those of the receipts of the replaced key stay: a 404 under another app id proves nothing.
    assert.ok((await harness.account.rows('identifiers')).every(row => !row.includes(customer)));
  });
  await checks.step('the KMS key signed the evidence, and a JOSE library verifies it', async () => {
    const { evidence = '', platform } = (await receiptOf(harness, receipt)) ?? {};
    const keys = createLocalJWKSet(keySet(await harness.account.evidenceKey()));
    const { payload } = await jwtVerify(evidence, keys, {
      issuer,
      typ: evidenceType,
      clockTolerance: verifiedMs / 1000,
    });
    assert.deepEqual([payload['receipt'], payload['platform'], payload['outcome']], [receipt, platform, 'erased']);
  });
  await checks.step('the next sweep has nothing to do', async () => {
    assert.deepEqual(v.parse(swept, await later.invoke(tick)), { claimed: 0, closed: 0, delivered: 0, unsigned: 0 });
    assert.equal(harness.callbacks.length, 1);
  });
  await later.stop();
}

async function receiptOf({ account }: Harness, id: string) {
  return (await account.receipts()).find(receipt => receipt.id === id);
}

/** Personal data and secrets: no log line may contain them. */
const personal = /crm-|cust_|Erika|@example\.com|Bearer|token-|shared-secret/;

/** Checks the log lines of all instances. */
export async function logs({ logs: lines }: Harness, checks: Checks): Promise<void> {
  await checks.step(`${lines.length} log lines: each JSON, none with personal data or a secret`, () => {
    assert.ok(lines.length > 0);
    for (const line of lines) {
      assert.doesNotThrow(() => JSON.parse(line), line);
      assert.ok(!personal.test(line), line);
    }
  });
}
