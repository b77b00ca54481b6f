import { describe, expect, test } from 'vitest';
import { releaseLegalHold, setLegalHold } from '../../lambda/control/legal-holds.ts';
import { pause, resume } from '../../lambda/control/pauses.ts';
import { account } from '../support/ketch.ts';
import { hour } from '../support/quota-world.ts';
import { by, byEmail, opsHarness } from './ops-harness.ts';

const day = 24 * hour;
const why = by('zoe', 'Voucherify confirmed it');

/** A receipt whose customer Voucherify still returns after an hour. */
async function stillPresent(limits: Readonly<Record<string, number>> = {}, others: readonly object[] = []) {
  const at = await opsHarness({ shownMs: 10 * day });
  const { harness } = at;
  const id = await at.request([account('crm-10042'), ...others]);
  while ((await harness.receipt(id)).evidence === undefined) await harness.sweepWhenDue(id);
  Object.assign(harness.services.settings.limits, limits);
  const decide = () => at.run('erase-again', id, ...why);
  const next = async () => (await harness.receipts()).find(receipt => receipt.id !== id);
  const shown = async (receipt: string) => (await at.run('show', receipt)).lines;
  return { harness, id, decide, next, shown };
}

describe('erase-again', () => {
  test('still present: a new receipt deletes the customer, and the first one and its evidence stay', async () => {
    const { harness, id, decide, next, shown } = await stillPresent();
    const before = await harness.receipt(id);
    expect((await shown(id)).join('\n')).toContain(`npm run ops -- erase-again ${id} --why`);
    expect(await decide()).toMatchObject({ status: 0 });
    expect(await decide()).toMatchObject({ status: 3, lines: [`${id}: already decided`] });
    const deletions = harness.deleted().length;
    await harness.sweep();
    await harness.sweep();
    expect(harness.deleted()).toHaveLength(deletions + 1);
    const after = await harness.receipt(id);
    expect(after).toMatchObject({ state: 'erased', evidence: before.evidence, verification: before.verification });
    expect(after).not.toHaveProperty('queue');
    expect(await harness.store.readPins(id)).toEqual({});
    expect(await next()).toMatchObject({
      state: 'erased',
      erasesAgain: id,
      decisions: [{ action: 'erase-again', actor: 'zoe' }],
      projects: { main: { pins: 1, deletions: [{ proof: 'deleted' }] } },
    });
    expect((await shown(id)).join('\n')).toContain('by zoe: Voucherify confirmed it');
    expect((await shown((await next())!.id)).join('\n')).toContain(`deletes again the customers of receipt ${id}`);
    expect(await harness.store.find(before.subjectHmacs[0] ?? '')).toHaveLength(2);
  });

  test('pause: stops the new receipt', async () => {
    const { harness, decide, next } = await stillPresent();
    const pausing = { actor: 'ops', reason: 'look', at: harness.clock.now };
    await pause('all', pausing, harness.services.control);
    await decide();
    const deletions = harness.deleted().length;
    await harness.sweep();
    await harness.sweep();
    expect(harness.deleted()).toHaveLength(deletions);
    expect(await next()).toMatchObject({ state: 'open', projects: { main: { pins: 1 } } });
    await resume('all', pausing, harness.services.control);
    await harness.sweep(harness.clock.now + hour);
    expect(await next()).toMatchObject({ state: 'erased' });
  });

  test('legal hold on an identifier that only the request names: holds the new receipt', async () => {
    const { harness, decide, next } = await stillPresent({}, [byEmail('zoe@example.com')]);
    await decide();
    const { control } = harness.services;
    const hold = (await harness.services.pseudonymizer()).subject({ kind: 'email', value: 'zoe@example.com' });
    const terms = { kind: 'email', actor: 'ada', reason: 'a lawsuit', at: harness.clock.now };
    await setLegalHold({ id: hold, until: harness.clock.now + day, ...terms }, control);
    const deletions = harness.deleted().length;
    for (let minutes = 0; minutes < 3; minutes += 1) await harness.sweep(harness.clock.now + 60_000);
    expect(harness.deleted()).toHaveLength(deletions);
    expect(await next()).toMatchObject({ state: 'needs-review', reason: 'legal-hold', queue: 'held' });
    await releaseLegalHold(hold, terms, control);
    for (let hours = 0; hours < 2; hours += 1) await harness.sweep(harness.clock.now + hour);
    expect(await next()).toMatchObject({ state: 'erased' });
  });

  test('delaySeconds of the platform: delays the new receipt, and not that of all', async () => {
    const { harness, decide, next } = await stillPresent({ delaySeconds: 3600 });
    Object.assign(harness.services.platforms.get('ketch') ?? {}, { delaySeconds: 7200 });
    await decide();
    await harness.sweep();
    const at = harness.clock.now + 2 * hour;
    expect(await next()).toMatchObject({ nextAttemptAt: at, delayedUntil: at });
  });

  test('delaySeconds of all: delays the new receipt', async () => {
    const { harness, decide, next } = await stillPresent({ delaySeconds: 7200 });
    await decide();
    await harness.sweep();
    expect((await next())?.nextAttemptAt).toBe(harness.clock.now + 2 * hour);
  });

  test('after 30 days: is not possible', async () => {
    const { harness, id, decide } = await stillPresent();
    harness.clock.now += 31 * day;
    expect(await decide()).toMatchObject({ status: 1, lines: [`${id}: not changed: the ids are deleted`] });
  });

  test('absent: is not possible', async () => {
    const at = await opsHarness();
    const id = await at.request([account('crm-10042')]);
    await at.harness.sweepAndVerify();
    expect(await at.run('erase-again', id, ...why)).toMatchObject({
      status: 1,
      lines: [`${id}: not changed: its verification does not say stillPresent`],
    });
  });
});
