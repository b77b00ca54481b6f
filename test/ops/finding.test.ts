import { describe, expect, test } from 'vitest';
import { account } from '../support/ketch.ts';
import { registered } from '../support/pace-ketch.ts';
import { run } from './desk-of.ts';
import { byEmail, erased, office, stopped } from './office.ts';

const never = 'nobody of that identifier was ever asked for here (in the last 25 months)';

describe('find', () => {
  test('says that somebody was erased, when, and with what proof', async () => {
    const at = await office();
    registered(at.house, 'crm-1');
    const id = await at.asked([account('crm-1'), byEmail('Zoe@example.com')]);
    await at.sweep();
    const row = [id, 'ketch', '2026-01-15T12:00:00Z', 'erased', '2026-01-15T12:00:00Z', 'deleted 1', 'yes'];
    for (const args of [
      ['--source-id', 'crm-1'],
      ['--email', ' ZOE@Example.com '],
      ['--email', '\u00a0zoe@EXAMPLE.com\u200b'],
      ['--source-id', 'crm-1', '--email', 'nobody@example.com'],
    ]) {
      const { status, lines } = await at.run('find', ...args);
      expect([status, lines[0]]).toEqual([0, 'erased 1 time, last on 2026-01-15T12:00:00Z']);
      expect(lines.slice(1).map(line => line.split(/ {2,}/))).toEqual([
        ['RECEIPT', 'PLATFORM', 'RECEIVED', 'OUTCOME', 'CLOSED', 'PROOF', 'SIGNED'],
        row,
      ]);
    }
    expect((await at.run('find', '--source-id', 'crm-1', '--json')).json).toEqual({
      answer: 'erased 1 time, last on 2026-01-15T12:00:00Z',
      receipts: [
        {
          receipt: id,
          platform: 'ketch',
          receivedAt: '2026-01-15T12:00:00Z',
          outcome: 'erased',
          closedAt: '2026-01-15T12:00:00Z',
          proof: { deleted: 1, gone: 0 },
          signed: true,
        },
      ],
    });
  });

  test('tells the kinds of identifiers apart, and every letter but those of an address', async () => {
    const at = await office();
    await erased(at, 'crm-1');
    for (const args of [
      ['--customer-id', 'crm-1'],
      ['--email', 'crm-1'],
      ['--phone', 'crm-1'],
      ['--source-id', 'CRM-1'],
    ]) {
      expect(await at.run('find', ...args)).toMatchObject({ status: 1, lines: [never] });
    }
    expect((await at.run('find', '--email', 'x@example.com', '--json')).json).toEqual({ answer: never, receipts: [] });
  });

  test('counts several requests, and says what is not finished and how others ended', async () => {
    const at = await office();
    await stopped(at, 'shared@example.com');
    const find = async () => (await at.run('find', '--email', 'shared@example.com')).lines[0];
    expect(await find()).toBe('asked for 1 time, not finished');
    await at.asked([byEmail('shared@example.com')]);
    expect(await find()).toBe('asked for 2 times, not finished');
    await at.run('refuse', (await at.house.receipts())[0]!.id, '--why', 'a shared mailbox');
    await at.sweep();
    expect(await find()).toBe('asked for 1 time, not finished; asked for 1 time, ended as refused');
    registered(at.house, 'crm-2');
    await at.asked([account('crm-2')]);
    at.house.clock.at += 60_000;
    await at.asked([account('crm-2')]);
    const again = await at.run('find', '--source-id', 'crm-2');
    expect(again.lines[0]).toBe('erased 1 time, last on 2026-01-15T12:01:00Z; asked for 1 time, ended as no-match');
    expect(again.lines).toHaveLength(4);
  });

  test('skips what has expired', async () => {
    const at = await office();
    const id = await erased(at, 'crm-1');
    const store = { ...at.desk.store, read: async (one: string) => (one === id ? undefined : at.desk.store.read(one)) };
    expect(await run({ ...at.desk, store }, 'find', '--source-id', 'crm-1')).toMatchObject({
      status: 1,
      lines: [never],
    });
  });

  test('reads the value from standard input, as a process', async () => {
    const at = await office();
    await erased(at, ' crm-1');
    const found = at.process(['find', '--source-id', '-'], ' crm-1\r\nanother line\n');
    expect(found).toMatchObject({ status: 0, stderr: '' });
    expect(found.stdout).toMatch(/^erased 1 time, last on/);
    expect(at.process(['find', '--source-id', '-'])).toMatchObject({
      status: 2,
      stdout: '',
      stderr: '--source-id: is empty\n',
    });
  });

  test.each([
    [[], 'find: name an identifier, such as --email -'],
    [['ada@example.com'], 'find: takes options only'],
    [['--email', ' '], '--email: is empty'],
    [['--email', '-', '--source-id', '-'], 'find: one value from standard input'],
  ])('refuses %j', async (args, message) => {
    await expect((await office()).run('find', ...args)).rejects.toThrow(message);
  });

  test('says that the pepper is not usable, which would find nobody', async () => {
    const at = await office();
    const broken = { ...at.desk, readSecret: async () => 'short' };
    await expect(run(broken, 'find', '--email', 'x@example.com')).rejects.toMatchObject({ alarm: 'pepper-unusable' });
  });
});
