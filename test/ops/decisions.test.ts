import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { account } from '../support/ketch.ts';
import { registered } from '../support/pace-ketch.ts';
import { run } from './desk-of.ts';
import { erased, type Office, office, stopped } from './office.ts';

const by = (name: string, why: string) => ['--by', name, '--why', why];

async function standing({ desk }: Office, id: string): Promise<Receipt> {
  return (await desk.store.read(id))!;
}

describe('a change by an operator', () => {
  test('says who, when and why, and what it was about, and is one revision more', async () => {
    const at = await office();
    const id = await stopped(at);
    const before = await standing(at, id);
    at.house.clock.at += 1000;
    expect(await at.run('retry', id, ...by('zoe', 'mended'))).toMatchObject({
      status: 0,
      lines: [`${id}: goes on with the next sweep`],
    });
    const after = await standing(at, id);
    expect(after.revision).toBe(before.revision + 1);
    expect(after.decisions).toEqual([
      { what: 'retry', by: 'zoe', why: 'mended', at: at.house.clock.at, about: 'too-many-matches' },
    ]);
  });

  test.each(['retry', 'refuse'])('%s changes nothing without a reason or without a receipt', async command => {
    const at = await office();
    const id = await stopped(at);
    const before = await standing(at, id);
    await expect(at.run(command, id)).rejects.toThrow('--why: must say the reason');
    await expect(at.run(command, id, ...by('zoe', ' '))).rejects.toThrow('--why: must say the reason');
    await expect(at.run(command, id, ...by('', 'x'))).rejects.toThrow('--by: must say who');
    await expect(at.run(command, ...by('zoe', 'x'))).rejects.toThrow(`${command}: name receipts`);
    expect(await standing(at, id)).toEqual(before);
  });

  test('is kept when two operators decide at once, and the later one counts', async () => {
    const at = await office();
    const id = await stopped(at);
    const both = [at.run('retry', id, ...by('zoe', 'mended')), at.run('refuse', id, ...by('max', 'shared mailbox'))];
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([0, 0]);
    const { decisions, state } = await standing(at, id);
    expect(decisions?.map(decision => decision.by).toSorted()).toEqual(['max', 'zoe']);
    await at.sweep();
    const last = decisions?.at(-1)?.what;
    expect([state, (await standing(at, id)).state]).toEqual(['open', last === 'refuse' ? 'refused' : 'needs-human']);
  });

  test('is written only over what was read: whoever is overtaken decides anew on what stands then', async () => {
    const at = await office();
    const id = await stopped(at);
    const { store } = at.desk;
    const overtaken = { first: true };
    const slow = {
      ...store,
      read: async (one: string) => {
        const read = await store.read(one);
        // Between the first reading and the writing somebody else refuses it, and the sweep closes it.
        if (overtaken.first) {
          overtaken.first = false;
          await at.run('refuse', id, ...by('max', 'shared mailbox'));
          await at.sweep();
        }
        return read;
      },
    };
    const late = await run({ ...at.desk, store: slow }, 'refuse', id, ...by('zoe', 'too late'));
    expect(late).toMatchObject({ status: 3, lines: [`${id}: refused already`] });
    expect((await standing(at, id)).decisions?.map(decision => decision.by)).toEqual(['max']);
  });
});

describe('a refusal', () => {
  test('is carried out by the next sweep, is signed with its reason, and the platform hears it', async () => {
    const at = await office();
    const id = await stopped(at);
    expect(await at.run('refuse', id, ...by('zoe', 'a shared mailbox'))).toMatchObject({
      status: 0,
      lines: [`${id}: will be closed as refused by the next sweep`],
    });
    expect(await standing(at, id)).toMatchObject({ state: 'open' });
    await at.sweep();
    const after = await standing(at, id);
    expect(after).toMatchObject({ state: 'refused', reason: 'too-many-matches', evidence: expect.any(String) });
    expect(at.called.map(call => JSON.parse(call.body ?? ''))).toMatchObject([
      { event: { status: 'completed', reason: 'unknown' } },
    ]);
    expect(at.house.sandbox.deletions()).toEqual([]);
    expect(await at.desk.store.find(after.subjectMacs[0]!)).toEqual([id]);
  });

  test('stands once: a second one changes nothing', async () => {
    const at = await office();
    const id = await stopped(at);
    await at.run('refuse', id, ...by('zoe', 'first'));
    const first = await standing(at, id);
    expect(await at.run('refuse', id, ...by('max', 'second'))).toMatchObject({
      status: 3,
      lines: [`${id}: refused already`],
    });
    expect(await standing(at, id)).toEqual(first);
    await at.sweep();
    expect(await at.run('refuse', id, ...by('max', 'third'))).toMatchObject({ status: 3 });
  });

  test('is taken back by a retry before the sweep, and no more after it', async () => {
    const at = await office();
    const [kept, closed] = [await stopped(at), await stopped(at, 'other@example.com')];
    await at.run('refuse', kept, closed, ...by('zoe', 'shared mailbox'));
    expect((await at.run('retry', kept, ...by('max', 'one person after all'))).lines).toEqual([
      `${kept}: the refusal is taken back; it goes on with the next sweep`,
    ]);
    await at.sweep();
    expect(await standing(at, kept)).toMatchObject({ state: 'needs-human' });
    expect(await at.run('retry', closed, ...by('max', 'one person after all'))).toMatchObject({
      status: 3,
      lines: [`${closed}: closed already as refused: nothing is left to be done`],
    });
  });

  test('does not undo what is erased', async () => {
    const at = await office();
    const id = await erased(at);
    expect(await at.run('refuse', id, ...by('zoe', 'too late'))).toMatchObject({
      status: 1,
      lines: [`${id}: nothing was changed: closed already as erased: it cannot be refused any more`],
    });
  });
});

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

describe('many at once', () => {
  test('a line for each, by its number where it is no receipt; some failed is exit code 1', async () => {
    const at = await office();
    const [one, other] = [await stopped(at), await erased(at)];
    const mixed = await at.run('retry', one, 'ada@example.com', other, one, ...by('zoe', 'mended'));
    expect(mixed).toMatchObject({
      status: 1,
      lines: [
        `${one}: goes on with the next sweep`,
        'number 2: no such receipt',
        `${other}: closed already as erased: nothing is left to be done`,
      ],
    });
    expect(mixed.progress).toContain('2 of 3');
    // Named twice, decided once.
    expect((await standing(at, one)).decisions).toHaveLength(1);
  });

  test('as JSON, in the same order', async () => {
    const at = await office();
    const id = await stopped(at);
    expect((await at.run('refuse', id, 'nobody', ...by('zoe', 'mended'), '--json')).json).toEqual([
      { receipt: id, result: 'changed', said: 'will be closed as refused by the next sweep' },
      { receipt: 'number 2', result: 'not-found', said: 'no such receipt' },
    ]);
  });

  test('says of each that the store could not be reached, and goes on', async () => {
    const at = await office();
    const [one, other] = [await stopped(at), await stopped(at, 'other@example.com')];
    const broken = {
      ...at.desk.store,
      replace: async (next: Receipt) => next.id !== one && at.desk.store.replace(next),
    };
    expect(await run({ ...at.desk, store: broken }, 'retry', one, other, ...by('zoe', 'x'))).toMatchObject({
      status: 1,
      lines: ['number 1: nothing was changed: the receipt cannot be written', `${other}: goes on with the next sweep`],
    });
  });

  test('from standard input, as a process', async () => {
    const at = await office();
    const ids = [await stopped(at), await stopped(at, 'other@example.com')];
    const { status, stdout, stderr } = at.process(['retry', '-', ...by('zoe', 'mended')], `${ids.join('\r\n')}\n\n`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(ids.map(id => `${id}: goes on with the next sweep\n`).join(''));
    expect(at.process(['retry', '-', ...by('zoe', 'mended')])).toMatchObject({
      status: 2,
      stderr: 'retry: name receipts, or - for standard input\n',
    });
  });
});
