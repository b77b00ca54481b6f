import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseCommandArgs } from '../../infra/ops/args.ts';
import { verifyCommand } from '../../infra/ops/verify.ts';
import { nextRevision } from '../../lambda/receipts/receipt.ts';
import { customerEvent } from '../support/customer-events.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { hour } from '../support/quota-world.ts';
import { byEmail, erased, opsHarness, recordingOutput } from './ops-harness.ts';

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

  test('find: an identifier that only the deleted customer had finds nothing, as before', async () => {
    const at = await opsHarness({ reappearance: {} });
    at.harness.addCustomer({ source_id: 'crm-7', email: 'zoe@example.com' });
    await at.request([byEmail('zoe@example.com')]);
    await at.harness.sweepAndVerify();
    expect((await at.run('find', '--email', 'zoe@example.com')).status).toBe(0);
    expect((await at.run('find', '--source-id', 'crm-7')).status).toBe(1);
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

  test('certificate: says when, in which project, and which identifier is the same', async () => {
    const { run, id } = await cameBack();
    const { lines, status } = await run('show', id, '--html');
    expect(status).toBe(0);
    const html = lines.join('\n');
    expect(html).toContain('Did the person come back?');
    expect(html).toContain('customer.created in project main, same source_id, channel API; the signature is valid');
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

/** An export of the evidence and the addendum of a person who came back, and what verify says of files of it. */
async function exported() {
  const { run, id, harness } = await cameBack();
  const folder = temporaryFolder();
  const { status, lines } = await run('export', '--folder', folder);
  const names = readdirSync(folder).filter(name => name.endsWith('.jws'));
  const addendum = names.find(name => name !== `${id}.jws`) ?? '';
  const verify = async (...files: readonly string[]) => {
    const args = [...files.map(file => join(folder, file)), '--jwks', join(folder, 'jwks.json')];
    const { output, lines: said } = recordingOutput();
    const result = await verifyCommand.runOffline(parseCommandArgs(verifyCommand, args), output);
    return { status: result, said: said.map(line => line.replaceAll(`${folder}/`, '')) };
  };
  return { id, harness, folder, status, lines, names, addendum, verify };
}

describe('export of reappearances', () => {
  test('addendum: is a file of its own, named in both lists', async () => {
    const { id, folder, status, lines, names, addendum } = await exported();
    expect({ status, line: lines[1] }).toEqual({
      status: 0,
      line: '1 receipts and 1 reappearances exported: 3 files written, 0 already there',
    });
    expect(names).toHaveLength(2);
    expect(addendum.startsWith(`${id}.addendum-`)).toBe(true);
    const digest = createHash('sha256')
      .update(readFileSync(join(folder, addendum)))
      .digest('hex');
    expect(readFileSync(join(folder, 'SHA256SUMS'), 'utf8')).toContain(`${digest}  ${addendum}\n`);
    const row = `${addendum},${digest},${id},ketch,2026-01-15T13:01:00Z,,reappearance,,,,yes`;
    expect(readFileSync(join(folder, 'manifest.csv'), 'utf8')).toContain(row);
  });

  test('unsigned addendum: is counted, and exported later', async () => {
    const { run } = await cameBack({ swept: false });
    const { lines, json } = await run('export', '--folder', temporaryFolder(), '--json');
    expect({ lines, json }).toMatchObject({ json: { receipts: 1, reappearances: 0, unsigned: 1, complete: true } });
  });

  test('verify: accepts the folder, and says what the addendum states and which evidence it belongs to', async () => {
    const { id, verify, addendum } = await exported();
    expect(await verify('')).toMatchObject({ status: 0, said: expect.arrayContaining(['2 of 2 files are valid']) });
    const { status, said } = await verify(addendum);
    const facts = 'reappearance at 2026-01-15T13:01:00Z in project main, same source_id';
    expect([status, said[0]]).toEqual([
      0,
      expect.stringMatching(
        new RegExp(`^YES  ${addendum}: ${facts}; addendum to the evidence in ${id}\\.jws, signed at`),
      ),
    ]);
  });

  test('verify, evidence that is not in the same folder: says so', async () => {
    const { id, folder, verify, addendum } = await exported();
    rmSync(join(folder, `${id}.jws`));
    const { status, said } = await verify(addendum);
    expect([status, said[0]]).toEqual([
      0,
      expect.stringContaining(`; addendum to receipt ${id}, whose evidence is not`),
    ]);
  });

  test.each([
    ['other evidence in the same folder', 'evidence', 'it belongs to other evidence than the file in the same folder'],
    ['a changed statement', 'statement', 'the signature is wrong: the file was changed, or another key signed it'],
    ['the type of evidence', 'type', 'the signature is wrong: the file was changed, or another key signed it'],
  ])('verify, %s: is not valid', async (_, what, reason) => {
    const { id, folder, verify, addendum } = await exported();
    const text = readFileSync(join(folder, addendum), 'utf8').trim();
    const [head = '', body = '', signature = ''] = text.split('.');
    const decoded = (part: string) => Buffer.from(part, 'base64url').toString();
    const encoded = (part: string) => Buffer.from(part).toString('base64url');
    const changed = {
      evidence: text,
      statement: [head, encoded(decoded(body).replace('source_id', 'email')), signature].join('.'),
      type: [encoded(decoded(head).replace('addendum', 'evidence')), body, signature].join('.'),
    }[what];
    writeFileSync(join(folder, addendum), changed ?? '');
    if (what === 'evidence') writeFileSync(join(folder, `${id}.jws`), `${text.slice(0, -3)}AAA`);
    const { status, said } = await verify(addendum);
    expect([status, said[0]]).toEqual([1, `NO   ${addendum}: ${reason}`]);
  });
});
