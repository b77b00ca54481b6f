import { describe, expect, test } from 'vitest';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import { ada, createHarness, inReview, one, replaceKey as replaceHarnessKey } from '../support/harness.ts';
import { html, response } from '../support/voucherify-responses.ts';
import { by, operatorOf, run } from './ops-harness.ts';

const secret = 'erasure/voucherify/main';

/** A receipt that was deleted without a response, and a key that was replaced before the next attempt. */
async function replacedKey({ deleted = true } = {}) {
  const harness = createHarness({ customers: [{ id: ada, source_id: 'crm-1' }] });
  harness.intercept = (call, pass) => {
    if (call.method !== 'POST') return pass();
    if (deleted) pass();
    return response(500, html);
  };
  const { receipt } = await harness.erase(one('source_id', 'crm-1'));
  harness.intercept = undefined;
  const replaceKey = (appId: string, project = 'main') => replaceHarnessKey(harness, project, appId);
  const context = await operatorOf(harness);
  const decide = (...args: readonly string[]) =>
    run(context, 'retry', receipt.id, ...args, ...by('zoe', 'key rotated in the same project'));
  return { harness, context, id: receipt.id, replaceKey, decide };
}

describe('retry --same-project', () => {
  test('replaced key: a 404 needs a review, the decision accepts this key, and the evidence shows it', async () => {
    const { harness, context, id, replaceKey, decide } = await replacedKey();
    replaceKey('app-new');
    expect(await harness.sweepWhenDue(id)).toMatchObject({ state: 'needs-review', reason: 'other-app-id' });
    await decide();
    expect(await harness.sweepWhenDue(id), 'a plain retry').toMatchObject({ reason: 'other-app-id' });
    const said = 'retried by the next sweep; a 404 under the current key now counts as the same project';
    expect(await decide('--same-project')).toMatchObject({ status: 0, lines: [`${id}: ${said}`] });
    const closed = await harness.sweepWhenDue(id);
    expect(closed).toMatchObject({ state: 'erased', projects: { main: { deletions: [{ proof: 'gone' }] } } });
    const hmac = (await harness.services.pseudonymizer()).appId('app-new');
    const decision = { actor: 'zoe', reviewReason: 'other-app-id', sameProject: { main: hmac } };
    expect(evidenceOf(closed).decisions.at(-1)).toMatchObject(decision);
    const shown = (await run(context, 'show', id)).lines.join('\n');
    expect(shown).toContain('retry, with another key of the same project by zoe, after other-app-id: key rotated');
  });

  test('key that is replaced again after the decision: is not accepted', async () => {
    const { harness, id, replaceKey, decide } = await replacedKey({ deleted: false });
    replaceKey('app-new', 'other');
    await harness.sweepWhenDue(id);
    await decide('--same-project');
    replaceKey('app-third', 'other');
    expect(await harness.sweepWhenDue(id)).toMatchObject(inReview('other-app-id', { deletions: [] }));
    expect(harness.deleted()).toEqual([]);
  });

  test('other reason, and a key that is not valid: nothing is changed', async () => {
    const { harness, id, replaceKey, decide } = await replacedKey();
    const refused = (why: string) => ({ status: 1, lines: [`${id}: not changed: ${why}`] });
    const only = refused('--same-project is only for the reason other-app-id');
    expect(await decide('--same-project')).toMatchObject(only);
    replaceKey('app-new');
    const before = await harness.store.read(id);
    await harness.store.replace({ ...before!, revision: before!.revision + 1, reason: 'other-app-id' });
    harness.secrets[secret] = '{}';
    const invalid = refused('the key of project main is not valid: run npm run ops -- doctor');
    expect(await decide('--same-project')).toMatchObject(invalid);
    await expect(decide('--same-project', '--max', '7')).rejects.toThrow('cannot be combined');
    expect((await harness.store.read(id))?.decisions).toBeUndefined();
  });
});
