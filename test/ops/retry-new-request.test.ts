import { createHash } from 'node:crypto';
import { describe, expect } from 'vitest';
import { redaction, shopifyHarness, shopifyWire } from '../platforms/shopify-messages.ts';
import { hour } from '../support/quota-world.ts';
import { by, erased, operatorOf, readReceipt, run, test } from './ops-harness.ts';

/** A Shopify customer who was erased and registered again, and an operator. */
async function redacted() {
  const harness = await shopifyHarness({ customers: [] });
  const context = await operatorOf(harness);
  const person = { source_id: String(redaction.customer.id) };
  harness.sandbox.register({ ...person, created_at: '2025-01-01T00:00:00Z' }, 'main');
  let deliveries = 0;
  return {
    harness,
    context,
    /** Registers the customer now, under the id of before. */
    register: () => harness.sandbox.register(person, 'main'),
    /** One genuine delivery, and the sweep an hour later. */
    deliver: async () => {
      deliveries += 1;
      const wire = shopifyWire(redaction, { 'X-Shopify-Webhook-Id': `delivery-${deliveries}` });
      expect(await harness.send(wire)).toMatchObject({ status: 200, text: '' });
      harness.clock.now += hour;
      await harness.sweepAndVerify();
    },
    decide: (id: string) => run(context, 'retry', id, '--new-request', ...by('zoe', 'the shop asked for it again')),
    receipts: () => harness.receipts(),
    deleted: () => harness.sandbox.deletions().map(one => one.customerId),
  };
}

describe('retry --new-request', () => {
  test('next delivery of the same body: erases again, and only customers created before the decision', async () => {
    const at = await redacted();
    await at.deliver();
    const [first] = await at.receipts();
    const second = at.register();
    at.harness.clock.now += hour;
    expect(await at.decide(first!.id)).toMatchObject({
      status: 0,
      lines: [`${first!.id}: the next delivery of the same body opens a new request: ask the sender to repeat it`],
    });
    const decidedAt = at.harness.clock.now;
    at.harness.clock.now += hour;
    const later = at.harness.sandbox.register({ source_id: 'retry', email: redaction.customer.email }, 'main');
    await at.deliver();
    expect(at.deleted()).toContain(second);
    expect(at.deleted()).not.toContain(later);
    const [, opened] = await at.receipts();
    expect(opened).toMatchObject({
      state: 'erased',
      submittedAt: decidedAt,
      decisions: [{ action: 'new-request', actor: 'zoe', reason: 'the shop asked for it again', at: decidedAt }],
    });
    expect(at.harness.alarms()).toEqual([]);
    const shown = await run(at.context, 'show', opened!.id);
    expect(shown.status).toBe(0);
    expect(shown.lines.join('\n')).toContain('new-request by zoe: the shop asked for it again');
  });

  test('each decision: opens one request, and later deliveries are compared with its receipt', async () => {
    const at = await redacted();
    await at.deliver();
    const [first] = await at.receipts();
    await at.decide(first!.id);
    await at.deliver();
    const [, second] = await at.receipts();
    at.register();
    await at.deliver();
    expect(await at.receipts()).toHaveLength(2);
    expect(at.harness.lines.filter(({ alarm }) => alarm === 'repeated-redaction')).toMatchObject([
      { platform: 'shopify', receipt: second!.id },
    ]);
    await at.decide(second!.id);
    await at.deliver();
    const hmacs = await at.harness.services.pseudonymizer();
    const digest = createHash('sha256').update(JSON.stringify(redaction)).digest('hex');
    const ids = ['', '#1', '#2'].map(end => hmacs.receipt('shopify', redaction.shop_domain, `${digest}${end}`));
    expect((await at.receipts()).map(({ id }) => id)).toEqual(ids);
    expect(at.deleted()).toHaveLength(2);
  });

  test('signed evidence: is unchanged, and show prints the decision', async () => {
    const at = await redacted();
    await at.deliver();
    const [before] = await at.receipts();
    await at.decide(before!.id);
    const [after] = await at.receipts();
    expect(after).toEqual({ ...before, revision: before!.revision + 1, newRequest: expect.any(Object) });
    const shown = await run(at.context, 'show', before!.id);
    expect(shown.status).toBe(0);
    expect(shown.lines.join('\n')).toContain('new request allowed at 2026-01-15T13:01:00Z by zoe: the shop asked');
    expect(shown.lines.join('\n')).toContain('the receipt matches the signed evidence');
    expect((await run(at.context, 'show', before!.id, '--json')).json).toMatchObject({ newRequest: { actor: 'zoe' } });
  });

  test('open receipt: is not changed; a second decision changes nothing', async () => {
    const at = await redacted();
    at.harness.sandbox.outage('error');
    await at.deliver();
    const [open] = await at.receipts();
    const notClosed = 'not changed: the receipt is not closed yet, and its attempts continue';
    expect(await at.decide(open!.id)).toMatchObject({ status: 1, lines: [`${open!.id}: ${notClosed}`] });
    expect(await at.receipts()).toEqual([open]);
    at.harness.sandbox.outage(undefined);
    at.harness.clock.now += hour;
    await at.harness.sweep();
    await at.decide(open!.id);
    const decided = await at.receipts();
    expect(await at.decide(open!.id)).toMatchObject({ status: 3, lines: [`${open!.id}: already decided`] });
    expect(await at.receipts()).toEqual(decided);
  });

  test('platform with request ids: is not changed', async ({ at }) => {
    const id = await erased(at);
    const before = await readReceipt(at, id);
    expect(await at.run('retry', id, '--new-request', ...by('zoe', 'x'))).toMatchObject({
      status: 1,
      lines: [`${id}: not changed: --new-request is for platforms without request ids (shopify); ketch sends a new id`],
    });
    expect(await readReceipt(at, id)).toEqual(before);
  });

  test('--max: cannot be combined with --new-request', async ({ at }) => {
    await expect(at.run('retry', 'any', '--new-request', '--max', '7', ...by('zoe', 'x'))).rejects.toThrow(
      'retry: --max, --new-request and --same-project cannot be combined',
    );
  });
});
