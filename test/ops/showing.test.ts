import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { describe, expect, test, vi } from 'vitest';
import { localSigner } from '../../infra/local/local-signer.ts';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import { changed, type Receipt } from '../../lambda/receipts/receipt.ts';
import { account } from '../support/ketch.ts';
import { registered } from '../support/pace-ketch.ts';
import { run } from './desk-of.ts';
import { byEmail, erased, type Office, office, stopped } from './office.ts';

const headings = [
  'When was it received?',
  'By which channel, and how was the sender proved?',
  'What was asked?',
  'When was it answered, and how?',
  'What was done, and where?',
  'How sure is that?',
  'Why was it refused, or a person asked?',
  'Who was told?',
  'What stays elsewhere',
  'Is it signed?',
];

/** The lines under each heading. */
async function answers(at: Office, id: string): Promise<Readonly<Record<string, string>>> {
  const { lines } = await at.run('show', id);
  const text = lines.join('\n');
  return Object.fromEntries(
    text
      .split('\n\n')
      .slice(1)
      .map(section => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n') + 1)]),
  );
}

async function rewritten(at: Office, id: string, change: Partial<Receipt>): Promise<void> {
  const standing = (await at.desk.store.read(id))!;
  expect(await at.desk.store.replace(changed(standing, change))).toBe(true);
}

/** What a command says on standard error. */
function errors() {
  return vi.spyOn(console, 'error').mockImplementation(() => undefined);
}

describe('show, of an erasure that is done', () => {
  test('answers the eight questions, and says what stays elsewhere', async () => {
    const at = await office();
    registered(at.house, 'crm-1');
    const uid = '22880925-aac5-42f9-a653-cb6921d361ff';
    const id = await at.asked([account('crm-1'), byEmail('zoe@example.com')], { uid });
    await at.sweep();
    const [{ deletionId } = { deletionId: '' }] = at.house.sandbox.deletions();
    const said = await answers(at, id);
    expect(Object.keys(said)).toEqual(headings);
    const found = headings.map(heading => said[heading]!);
    expect(found[0]).toContain('2026-01-15T12:00:00.000Z');
    expect(found[0]).toContain('2026-01-15T11:00:00.000Z');
    expect(found[0]).toContain('2026-02-14T12:00:00.000Z');
    expect(found[1]).toContain('the webhook of ketch');
    expect(found[1]).toContain(uid);
    expect(found[1]).toContain('shared-secret, with the secret "current"');
    expect(found[2]).toContain('permanent erasure of the person who is known by 2 identifiers');
    expect(found[3]).toContain('at 2026-01-15T12:00:00.000Z, with the outcome');
    expect(found[3]).toContain('it ended at 2026-01-15T12:00:00.000Z: erased');
    expect(found[4]).toContain('project main: erased; one customer was found');
    expect(found[4]).toContain(`Voucherify’s deletion ${deletionId}, DONE; customer 1, `);
    expect(found[5]).toContain('deleted (1): Voucherify’s own record');
    expect(found[6]).toContain('no person was asked');
    expect(found[7]).toContain('ketch, by the answer above');
    expect(found[8]).toMatch(/audit log.*6 or 12 months[\s\S]*exports[\s\S]*backups[\s\S]*other systems/);
    expect(found[9]).toMatch(/signed at 2026-01-15T12:01:00Z with the key \S{43}; the signature is good/);
    expect(found[9]).toContain('the receipt says what was signed');
  });

  test('tells the grades of proof apart, and what was posted and not proved', async () => {
    const at = await office();
    const id = await erased(at);
    const gone = { project: 'main', pin: 1, proof: 'gone', at: at.house.clock.at } as const;
    const { projects } = (await at.desk.store.read(id))!;
    const main = projects['main']!;
    const more = { main: { ...main, pins: 2, deletions: [...main.deletions, gone] }, us: { ...main, tried: true } };
    const unsignedNow = { projects: { ...more, us: { ...more.us, state: 'open', deletions: [] } } } as const;
    const { evidence: _, ...row } = (await at.desk.store.read(id))!;
    await at.desk.store.replace(changed(row, unsignedNow));
    const said = await answers(at, id);
    expect(said['What was done, and where?']).toMatch(/ {2}gone at \S+Z$/m);
    expect(said['What was done, and where?']).toContain('project us: not finished');
    expect(said['How sure is that?']).toContain('deleted (1)');
    expect(said['How sure is that?']).toContain('gone (1): Voucherify answered 404');
    expect(said['How sure is that?']).toContain('project us: something was posted whose effect nobody has proved');
    expect(said['Is it signed?']).toContain('not signed: it was closed before receipts were signed');
  });

  test('gives scripts the evidence and how it stands', async () => {
    const at = await office();
    const id = await erased(at);
    const receipt = (await at.desk.store.read(id))!;
    const { status, json } = await at.run('show', id, '--json');
    expect(status).toBe(0);
    expect(json).toEqual({
      ...(JSON.parse(JSON.stringify(evidenceOf(receipt))) as object),
      waitsFor: null,
      nextAttemptAt: null,
      lastResult: 'erased',
      attempts: 1,
      dueAt: '2026-02-14T12:00:00Z',
      deadlineUsedPercent: 0,
      signed: true,
      signature: { keyId: expect.any(String), at: '2026-01-15T12:01:00Z', verdict: 'good', disagreeing: [] },
    });
  });

  test('gives the signed form alone, which a JOSE library verifies with what jwks prints', async () => {
    const at = await office();
    const id = await erased(at);
    const { json } = await at.run('jwks');
    const { lines, status } = await at.run('show', id, '--jws');
    expect([status, lines.length]).toEqual([0, 1]);
    const { payload } = await compactVerify(lines[0]!, createLocalJWKSet(json as JSONWebKeySet));
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({ receipt: id, outcome: 'erased' });
  });
});

describe('show, of what was signed', () => {
  test('shows the signed words, and says what the receipt says differently', async () => {
    const at = await office();
    const id = await erased(at);
    await rewritten(at, id, { platform: 'another', reason: 'made-up' });
    const { status, lines } = await at.run('show', id);
    expect(status).toBe(1);
    expect(lines.join('\n')).toContain('the webhook of ketch');
    expect(lines.join('\n')).not.toMatch(/the webhook of another|made-up/);
    expect(lines.at(-1)).toContain('SOMETHING ELSE NOW THAN WHAT WAS SIGNED: platform, reason');
  });

  test('notices words that were not signed', async () => {
    const at = await office();
    const id = await erased(at);
    const [header, payload, signature] = (await at.desk.store.read(id))!.evidence!.split('.');
    const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, outcome: 'no-match' })).toString('base64url');
    await rewritten(at, id, { evidence: `${header}.${forged}.${signature}` });
    const { status, lines } = await at.run('show', id);
    expect(status).toBe(1);
    expect(lines.join('\n')).toContain('THE SIGNATURE IS WRONG');
    expect((await at.run('show', id, '--json')).json).toMatchObject({ signature: { verdict: 'bad' } });
  });

  test('says so where it is another key’s, or the key cannot be asked, and when its form is not known', async () => {
    const at = await office();
    const id = await erased(at);
    const withSigner = (signer: typeof at.desk.signer) => run({ ...at.desk, signer }, 'show', id);
    const other = await withSigner(localSigner(':memory:'));
    expect([other.status, other.lines.join('\n')]).toEqual([0, expect.stringContaining('the key in use is another')]);
    const deaf = await withSigner({ publicKey: () => Promise.reject(new Error('no')) });
    expect([deaf.status, deaf.lines.join('\n')]).toEqual([0, expect.stringContaining('was not checked')]);
    const said = errors();
    await rewritten(at, id, { evidence: 'e30.e30.e30' });
    expect(await at.run('show', id)).toMatchObject({ status: 1, lines: [] });
    expect(said).toHaveBeenCalledWith(expect.stringContaining('a form that this version does not know'));
  });
});

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

test('show knows no other receipt, and takes one', async () => {
  const at = await office();
  const said = errors();
  expect(await at.run('show', 'ada@example.com')).toMatchObject({ status: 1, lines: [] });
  expect(said.mock.calls).toEqual([['no such receipt']]);
  await expect(at.run('show')).rejects.toThrow('show: name one receipt');
  await expect(at.run('show', 'a', 'b')).rejects.toThrow('show: name one receipt');
});
