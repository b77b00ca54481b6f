import { describe, expect, test } from 'vitest';
import { run } from './desk-of.ts';
import { by, erased, office, standing, stopped } from './office.ts';

describe('a change by an operator', () => {
  test('says who, when and why, and what it was about, and is one revision more', async () => {
    const at = await office();
    const id = await stopped(at);
    const before = await standing(at, id);
    at.house.clock.at += 1000;
    expect(await at.run('retry', id, ...by('zoe', 'mended'))).toMatchObject({
      status: 0,
      lines: [`${id}: goes on with the next sweep, and stops again unless fewer customers match by then: see --max`],
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
      `${kept}: the refusal is taken back; it goes on with the next sweep, and stops again unless fewer customers match by then: see --max`,
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
