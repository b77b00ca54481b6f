import { describe, expect, test } from 'vitest';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import { ada, ben, createHarness, one } from '../support/harness.ts';
import { html, response } from '../support/voucherify-responses.ts';
import { by, operatorOf, run } from './ops-harness.ts';

const id = 'receipt-1';

/** Two customers, of which Voucherify refuses the look-up of one. */
async function partial({ found = true, deletionFails = false } = {}) {
  const harness = createHarness();
  if (found) harness.addCustomer({ id: ada, source_id: 'crm-1' });
  harness.addCustomer({ id: ben, source_id: 'crm-2' });
  harness.intercept = (call, pass) => {
    if (deletionFails && call.method === 'POST') return response(200, html);
    return call.url.pathname.includes('crm-2') ? response(400, {}) : pass();
  };
  await harness.erase([...one('source_id', 'crm-1'), ...one('source_id', 'crm-2')]);
  const context = await operatorOf(harness);
  const decide = (command: string) => run(context, command, id, ...by('zoe', 'not a real id'));
  return { harness, context, decide };
}

describe('accept-partial', () => {
  test('refused look-up: the sweep closes the receipt as erased, without a call, and the evidence shows it', async () => {
    const { harness, context, decide } = await partial();
    const said = 'the next sweep closes it with what is proved; the evidence shows your decision';
    expect(await decide('accept-partial')).toMatchObject({ status: 0, lines: [`${id}: ${said}`] });
    expect(await decide('accept-partial')).toMatchObject({ status: 3, lines: [`${id}: already accepted`] });
    const calls = harness.sent.length;
    const closed = await harness.sweepWhenDue(id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { state: 'open', pins: 1 } } });
    expect(harness.sent).toHaveLength(calls);
    expect(harness.deleted()).toEqual([ada]);
    expect(await harness.store.readPersonalData(id)).toBeUndefined();
    expect(evidenceOf(closed)).toMatchObject({
      outcome: 'erased',
      reason: 'voucherify-400',
      projects: { main: { outcome: 'open', customers: 1, refusedLookUps: ['voucherify-400'] } },
      decisions: [{ action: 'accept-partial', actor: 'zoe', reviewReason: 'voucherify-400', reason: 'not a real id' }],
    });
    const shown = (await run(context, 'show', id)).lines.join('\n');
    expect(shown).toContain('project main: not completed: an operator accepted the partial result; one customer found');
    expect(shown).toContain('project main: Voucherify refused 1 look-ups (voucherify-400); a customer may remain');
    expect(shown).toContain('accept-partial by zoe, after voucherify-400: not a real id');
  });

  test('nothing deleted: the receipt is closed as not identifiable, never as erased or no match', async () => {
    const { harness, decide } = await partial({ found: false });
    await decide('accept-partial');
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'not-identifiable' });
  });

  test('unseen-unproven: is settled, and the evidence says that a deletion is not proved', async () => {
    const { harness, context } = await partial();
    let posts = 0;
    harness.intercept = (call, pass) => {
      if (call.method === 'POST') posts += 1;
      return call.method === 'POST' && posts === 1 ? response(500, html) : pass();
    };
    const second = (await harness.erase(one('customer_id', `cust_${'Z'.repeat(24)}`))).receipt.id;
    expect(await harness.sweepWhenDue(second)).toMatchObject({ state: 'needs-review', reason: 'unseen-unproven' });
    const accepted = run(context, 'accept-partial', second, ...by('zoe', 'checked'));
    expect(await accepted).toMatchObject({ status: 0 });
    const closed = await harness.sweepWhenDue(second);
    expect(closed).toMatchObject({ state: 'not-identifiable', reason: 'unseen-unproven' });
    expect(evidenceOf(closed).projects['main']).toMatchObject({ customers: 1, unproven: true, deletions: [] });
  });

  test('pin without proof, open or closed receipt: nothing is changed', async () => {
    const { harness, decide } = await partial({ deletionFails: true });
    const open = 'not changed: the receipt is not in review, and its attempts continue';
    expect(await decide('accept-partial')).toMatchObject({ status: 1, lines: [`${id}: ${open}`] });
    await harness.sweepWhenDue(id);
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'needs-review', reason: 'unproven-responses' });
    const left = 'not changed: another attempt can still delete or find customers: retry or refuse it';
    expect(await decide('accept-partial')).toMatchObject({ status: 1, lines: [`${id}: ${left}`] });
    await decide('refuse');
    await harness.sweepWhenDue(id);
    const closed = 'already closed as refused: nothing to do';
    expect(await decide('accept-partial')).toMatchObject({ status: 3, lines: [`${id}: ${closed}`] });
  });

  test('retry before the sweep: withdraws the acceptance and repeats the refused look-up', async () => {
    const { harness, decide } = await partial();
    await decide('accept-partial');
    harness.intercept = undefined;
    const said = 'acceptance withdrawn; retried by the next sweep';
    expect(await decide('retry')).toMatchObject({ status: 0, lines: [`${id}: ${said}`] });
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'erased', projects: { main: { state: 'erased' } } });
    expect(harness.deleted()).toEqual([ada, ben]);
  });
});
