import { describe, expect, test } from 'vitest';
import { account } from '../support/ketch.ts';
import { registered } from '../support/pace-ketch.ts';
import { by, office, standing, stopped } from './office.ts';

describe('a retry', () => {
  test('with --max deletes as many as it says, and not more', async () => {
    const at = await office();
    const [six, eight] = [await stopped(at, 'six@example.com', 6), await stopped(at, 'eight@example.com', 8)];
    await at.run('retry', six, eight, '--max', '7', ...by('zoe', 'one person, seen by the shop'));
    await at.sweep();
    expect(await standing(at, six)).toMatchObject({ state: 'erased', projects: { main: { pins: 6 } } });
    expect(await standing(at, eight)).toMatchObject({ state: 'needs-human', reason: 'too-many-matches' });
    expect(at.house.sandbox.deletions()).toHaveLength(6);
  });

  test.each(['0', '51', 'many', '1.5', ''])('refuses --max %j', async max => {
    const at = await office();
    await expect(at.run('retry', 'any', `--max=${max}`, ...by('zoe', 'x'))).rejects.toThrow(
      '--max: must be a whole number from 1 to 50',
    );
  });

  test('refuses --max for what did not stop at too many', async () => {
    const at = await office();
    at.house.sandbox.outage('error');
    registered(at.house, 'crm-1');
    const id = await at.asked([account('crm-1')]);
    const before = await standing(at, id);
    expect(await at.run('retry', id, '--max', '7', ...by('zoe', 'x'))).toMatchObject({
      status: 1,
      lines: [`${id}: nothing was changed: --max is for what stopped at too-many-matches`],
    });
    expect(await standing(at, id)).toEqual(before);
  });

  test('brings an open receipt forward', async () => {
    const at = await office();
    at.house.sandbox.outage('error');
    registered(at.house, 'crm-1');
    const id = await at.asked([account('crm-1')]);
    at.house.sandbox.outage(undefined);
    const { nextAttemptAt } = await standing(at, id);
    expect(nextAttemptAt).toBeGreaterThan(at.house.clock.at);
    await at.run('retry', id, ...by('zoe', 'Voucherify is back'));
    await at.house.sweep();
    expect(await standing(at, id)).toMatchObject({ state: 'erased' });
  });

  test('never touches a receipt for which somebody else was deleted, refused or not', async () => {
    const at = await office();
    const id = await stopped(at);
    const before = await standing(at, id);
    const wrong = { ...before, reason: 'wrong-customer-deleted', revision: before.revision + 1 };
    await at.desk.store.replace(wrong);
    const never = { status: 1, lines: [expect.stringContaining('this one posts nothing more')] };
    expect(await at.run('retry', id, ...by('zoe', 'again'))).toMatchObject(never);
    expect(await standing(at, id)).toEqual(wrong);
    await at.run('refuse', id, ...by('zoe', 'see the incident'));
    expect(await at.run('retry', id, ...by('zoe', 'again'))).toMatchObject(never);
    await at.sweep();
    expect(await standing(at, id)).toMatchObject({ state: 'refused', reason: 'wrong-customer-deleted' });
    expect(at.house.sandbox.deletions()).toEqual([]);
  });
});
