import { describe, expect, test } from 'vitest';
import { account } from '../support/ketch.ts';
import { office, stopped } from './office.ts';
import { answers, errors } from './shown.ts';

describe('show, of what is not finished', () => {
  test('says what it waits for, and that nothing is signed', async () => {
    const at = await office();
    const id = await stopped(at);
    const { lines, status } = await at.run('show', id);
    expect(status).toBe(0);
    expect(lines.slice(0, 3)).toEqual([
      `receipt ${id}`,
      'needs-human: too-many-matches',
      'goes on after your decision; 0 % of its time is used, it is due at 2026-02-14T12:00:00Z',
    ]);
    const said = await answers(at, id);
    expect(said['When was it answered, and how?']).toContain('that it was in progress');
    expect(said['When was it answered, and how?']).toContain('it has not ended yet: needs-human');
    expect(said['How sure is that?']).toContain('nothing was deleted');
    expect(said['Who was told?']).toContain('nobody yet');
    expect(said['Is it signed?']).toContain('not signed: it has not ended yet');
    const { json } = await at.run('show', id, '--json');
    expect(json).toMatchObject({ outcome: 'needs-human', signed: false, waitsFor: 'needs-human' });
    const told = errors();
    expect(await at.run('show', id, '--jws')).toMatchObject({ status: 1, lines: [] });
    expect(told).toHaveBeenCalledWith('not signed: it has not ended yet');
  });

  test('says who decided what and why, and who was told in the end', async () => {
    const at = await office();
    const id = await stopped(at);
    await at.run('retry', id, '--max', '6', '--by', 'zoe', '--why', 'a family\u001b[2J');
    await at.sweep();
    await at.run('refuse', id, '--by', 'max', '--why', 'a shared mailbox');
    const before = await answers(at, id);
    expect(before['Why was it refused, or a person asked?']).toContain('of at most 6 customers a project by zoe');
    await at.sweep();
    const said = await answers(at, id);
    expect(said['Why was it refused, or a person asked?']!.split('\n')).toEqual([
      '  it asked for a person: too-many-matches',
      '  2026-01-15T12:00:00.000Z  retry, of at most 6 customers a project by zoe, after too-many-matches: a family [2J',
      '  2026-01-15T12:01:00.000Z  refuse by max, after too-many-matches: a shared mailbox',
    ]);
    expect(said['Who was told?']).toBe(
      '  ketch, by callbacks: 1 taken, 0 refused, in one try; it ended at 2026-01-15T12:02:00.000Z',
    );
    expect(said['Is it signed?']).toContain('the signature is good');
  });

  test('says when nobody was found, or could be looked up', async () => {
    const at = await office();
    const nobody = await at.asked([account('crm-nobody')]);
    const phone = await at.asked([{ identitySpace: 'phone', identityFormat: 'raw', identityValue: '+15550100' }]);
    expect((await answers(at, nobody))['What was done, and where?']).toContain('nobody was found');
    expect((await answers(at, phone))['What was done, and where?']).toContain('can be looked up in Voucherify');
    expect((await answers(at, nobody))['Is it signed?']).toContain('not signed yet');
  });
});
