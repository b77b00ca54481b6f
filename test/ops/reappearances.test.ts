import { describe, expect, test } from 'vitest';
import { nextRevision } from '../../lambda/receipts/receipt.ts';
import { customerEvent } from '../support/customer-events.ts';
import { hour } from '../support/quota-world.ts';
import { erased, opsHarness } from './ops-harness.ts';

/** An operator of a shop in which an erased person came back an hour later. */
async function cameBack({ swept = true } = {}) {
  const at = await opsHarness({ reappearance: {} });
  const id = await erased(at, 'crm-1');
  at.harness.clock.now += hour;
  await at.harness.sendEvent(customerEvent({ at: at.harness.clock.now, customer: { source_id: 'crm-1' } }));
  if (swept) await at.sweep();
  return { ...at, id };
}

const shown = /came back|appeared again|customer\.created/;

describe('reappearance of an erased person', () => {
  test('find: says when a customer with these identifiers appeared again', async () => {
    const { run, id } = await cameBack();
    const { lines, status } = await run('find', '--source-id', 'crm-1');
    expect(status).toBe(0);
    expect(lines.join('\n')).toContain(
      `${id}: a customer with these identifiers appeared again, last on 2026-01-15T13:0`,
    );
    const { json } = await run('find', '--source-id', 'crm-1', '--json');
    expect(json).toMatchObject({ receipts: [{ reappearedAt: expect.stringMatching(/^2026-01-15T13:0/) }] });
  });

  test('show: lists each one with its channel, and verifies its signature', async () => {
    const { run, id } = await cameBack();
    const { lines, status } = await run('show', id);
    expect(status).toBe(0);
    const line = lines.find(one => shown.test(one));
    expect(line).toMatch(/customer\.created in project main, same source_id, channel API; the signature is valid$/);
    const { json } = await run('show', id, '--json');
    expect(json).toMatchObject({ reappearances: [{ matched: ['source_id'], verdict: 'good' }] });
  });

  test('show: says that an addendum is not signed yet', async () => {
    const { run, id } = await cameBack({ swept: false });
    const { lines } = await run('show', id);
    expect(lines.find(one => shown.test(one))).toMatch(/not signed yet$/);
  });

  test('show: reports an addendum that names other evidence, or that was changed', async () => {
    const { run, id, harness } = await cameBack();
    const [addendum] = await harness.store.addendaOf(id);
    const jws = addendum?.jws ?? '';
    await harness.store.replaceAddendum({ ...addendum!, jws: `${jws.slice(0, -4)}AAAA`, revision: 3 });
    expect(await run('show', id)).toMatchObject({ status: 1 });
    await harness.store.replaceAddendum({ ...addendum!, jws, revision: 4 });
    expect(await run('show', id)).toMatchObject({ status: 0 });
    const receipt = await harness.receipt(id);
    await harness.store.replace(nextRevision(receipt, { evidence: `${receipt.evidence}A` }));
    const { lines } = await run('show', id);
    expect(lines.find(one => shown.test(one))).toMatch(/THE SIGNATURE IS INVALID$/);
  });

  test('report: counts it in the column before the verifications', async () => {
    const { run } = await cameBack();
    const { lines } = await run('report', '--from', '2026-01-01', '--to', '2026-01-31');
    expect(lines.at(-1)).toMatch(/,0,1,0,0\r$/);
  });
});
