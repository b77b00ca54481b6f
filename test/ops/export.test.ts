import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { describe, expect } from 'vitest';
import { nextRevision } from '../../lambda/receipts/receipt.ts';
import { temporaryFolder } from '../support/local-process.ts';
import { hour } from '../support/quota-world.ts';
import { receiptOf } from '../support/receipt-builders.ts';
import { erased, type OpsHarness, opsHarness, readReceipt, run, stopped, test } from './ops-harness.ts';

const since = ['--from', '2026-01-15'];
const export_ = (at: OpsHarness, folder: string, ...more: readonly string[]) =>
  at.run('export', ...since, '--folder', folder, ...more);
const text = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8');

describe('export', () => {
  test('files: are the evidence of closed receipts, the key and a manifest, and a JOSE library verifies them', async ({
    at,
  }) => {
    const ids = [await erased(at, 'crm-1'), await erased(at, 'crm-2')];
    await stopped(at);
    const folder = join(temporaryFolder(), 'evidence');
    const { status, lines } = await export_(at, folder);
    expect({ status, lines }).toEqual({
      status: 0,
      lines: ['closed from 2026-01-15T00:00:00Z', '2 receipts exported: 3 files written, 0 already there'],
    });
    const names = [...ids.map(id => `${id}.jws`), 'jwks.json', 'manifest.csv'].sort();
    expect(readdirSync(folder).sort()).toEqual([...names, 'SHA256SUMS'].sort());
    const digest = (name: string) => createHash('sha256').update(text(folder, name)).digest('hex');
    const sums = text(folder, 'SHA256SUMS').trimEnd().split('\n');
    expect(sums.toSorted()).toEqual(names.map(name => `${digest(name)}  ${name}`).toSorted());
    const keys = createLocalJWKSet(JSON.parse(text(folder, 'jwks.json')) as JSONWebKeySet);
    const { payload } = await compactVerify(text(folder, `${ids[0]}.jws`).trim(), keys);
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({ receipt: ids[0], outcome: 'erased' });
  });

  test('manifest.csv: names each file, its digest and receipt, and no cell is a formula for a spreadsheet', async ({
    at,
  }) => {
    const id = await erased(at);
    const signed = await readReceipt(at, id);
    const all = async function* () {
      for (const one of ['-dashed', 'plain'])
        yield nextRevision(signed, { id: one, submittedAt: signed.closedAt! - 36 * hour });
    };
    const folder = temporaryFolder();
    expect(await run({ ...at.context, all }, 'export', ...since, '--folder', folder)).toMatchObject({ status: 0 });
    const digest = createHash('sha256').update(`${signed.evidence}\n`).digest('hex');
    const times = '2026-01-15T12:00:00Z,2026-01-15T12:00:00Z';
    expect(text(folder, 'manifest.csv').split('\n')).toEqual([
      'file,sha256,receipt,platform,received_at,closed_at,outcome,days,deleted,gone,signed\r',
      `'-dashed.jws,${digest},'-dashed,ketch,${times},erased,1.5,1,0,yes\r`,
      `plain.jws,${digest},plain,ketch,${times},erased,1.5,1,0,yes\r`,
      '',
    ]);
    const summed = createHash('sha256').update(text(folder, 'manifest.csv')).digest('hex');
    expect(text(folder, 'SHA256SUMS').trimEnd().split('\n').at(-1)).toBe(`${summed}  manifest.csv`);
  });

  test('--from and --platform: select as in list --closed', async ({ at }) => {
    await erased(at);
    for (const filter of [
      ['--from', '2026-01-16'],
      ['--platform', 'segment'],
    ]) {
      const { json } = await at.run('export', ...filter, '--folder', temporaryFolder(), '--json');
      expect(json).toMatchObject({ receipts: 0 });
    }
  });

  test('interrupted export: continues, and keeps the files that exist', async ({ at }) => {
    const id = await erased(at, 'crm-1');
    await erased(at, 'crm-2');
    const folder = temporaryFolder();
    await export_(at, folder);
    const manifest = text(folder, 'SHA256SUMS');
    for (const name of [`${id}.jws`, 'SHA256SUMS']) rmSync(join(folder, name));
    // A process that is killed while it writes leaves this behind.
    writeFileSync(join(folder, `${id}.jws.partial`), 'half');
    expect((await export_(at, folder)).lines.slice(1)).toEqual([
      '2 receipts exported: 1 files written, 2 already there',
    ]);
    expect(text(folder, 'SHA256SUMS')).toBe(manifest);
  });

  test('file with other content: is not replaced, and the export is incomplete', async ({ at }) => {
    const id = await erased(at);
    const folder = temporaryFolder();
    writeFileSync(join(folder, `${id}.jws`), 'evidence of before a restore');
    const { status, lines } = await export_(at, folder);
    expect([status, lines.slice(2)]).toEqual([
      1,
      [
        '1 files have other content and were not replaced: use another folder',
        'incomplete: manifest.csv and SHA256SUMS were not written',
      ],
    ]);
    expect(text(folder, `${id}.jws`)).toBe('evidence of before a restore');
    expect(readdirSync(folder).sort()).toEqual([`${id}.jws`, 'jwks.json'].sort());
  });

  test('receipts: unsigned ones are counted, an id that names another folder and an unknown version fail', async ({
    at,
  }) => {
    const signed = await readReceipt(at, await erased(at));
    const { evidence: _, ...unsigned } = signed;
    const all = async function* (unreadable: () => void) {
      unreadable();
      yield nextRevision(unsigned, { id: 'unsigned' });
      yield nextRevision(signed, { id: '../outside' });
      for (let one = 0; one < 500; one += 1) yield receiptOf();
    };
    const folder = join(temporaryFolder(), 'inside');
    const { status, json, progress } = await run(
      { ...at.context, all },
      'export',
      ...since,
      '--folder',
      folder,
      '--json',
    );
    expect(status).toBe(1);
    expect(json).toMatchObject({ receipts: 0, unsigned: 1, unreadable: 2, complete: false });
    expect(progress).toEqual(['500 receipts read, 2 selected', '']);
    expect(readdirSync(join(folder, '..'))).toEqual(['inside']);
  });

  test.each([
    [since, '--folder: must be a folder'],
    [[...since, '--folder', '/dev/null/x'], '--folder: the folder cannot be created'],
    [[...since, '--folder', 'x', 'y'], 'export: takes options only'],
  ])('%j: %s', async (args, message) => {
    await expect((await opsHarness()).run('export', ...args)).rejects.toThrow(message);
  });
});
