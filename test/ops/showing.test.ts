import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { describe, expect, test } from 'vitest';
import { evidenceOf } from '../../lambda/receipts/evidence.ts';
import { changed } from '../../lambda/receipts/receipt.ts';
import { account } from '../support/ketch.ts';
import { registered } from '../support/pace-ketch.ts';
import { byEmail, erased, office } from './office.ts';
import { answers, errors } from './shown.ts';

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
    expect(said['Is it signed?']).toContain('THE SIGNATURE IS MISSING');
    expect(await at.run('show', id)).toMatchObject({ status: 1 });
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

test('show knows no other receipt, and takes one', async () => {
  const at = await office();
  const said = errors();
  expect(await at.run('show', 'ada@example.com')).toMatchObject({ status: 1, lines: [] });
  expect(said.mock.calls).toEqual([['no such receipt']]);
  await expect(at.run('show')).rejects.toThrow('show: name one receipt');
  await expect(at.run('show', 'a', 'b')).rejects.toThrow('show: name one receipt');
});
