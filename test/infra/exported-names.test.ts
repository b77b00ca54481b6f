import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { duplicateExports } from '../../infra/tools/exported-names.ts';

/** What is shared when one file has the text and another one exports the function `shared`. */
function sharedWith(text: string): readonly string[] {
  const other = { file: 'other.ts', text: 'export function shared() {}' };
  return duplicateExports([{ file: 'one.ts', text }, other]).map(({ name }) => name);
}

describe('shared export names', () => {
  test.each([
    ...['export function shared() {}', 'export async function* shared() {}', 'export const shared = 1;'],
    ...['export const { shared } = { shared: 1 };', 'export const [{ a: [shared] }] = input;'],
    ...['export class shared {}', 'export abstract class shared {}', 'export interface shared {}'],
    ...['export type shared = string;', 'export enum shared {}', 'const shared = 1; export { shared };'],
    ...['const own = 1; export { own as shared };', 'type own = string; export type { own as shared };'],
    'import { own } from "./other.ts"; const shared = own; export { shared };',
  ])('are found: %s', text => {
    expect(sharedWith(text)).toEqual(['shared']);
  });

  test.each([
    ...['function shared() {}', 'shared();', 'export import shared = other.own;'],
    ...['export default function shared() {}', 'const shared = 1; export default shared;'],
    ...['const shared = 1; export { shared as default };', 'const shared = 1; export { shared as own };'],
    ...['export { shared } from "./other.ts";', 'export type { shared } from "./other.ts";'],
    ...['export * from "./other.ts";', 'export * as shared from "./other.ts";'],
    'import { shared } from "./other.ts"; export { shared };',
    'import { own as shared } from "./other.ts"; export { shared };',
    'import shared from "./other.ts"; export { shared };',
    'import * as shared from "./other.ts"; export { shared };',
    'import "./other.ts"; export const [, own] = input;',
  ])('are not found: %s', text => {
    expect(sharedWith(text)).toEqual([]);
  });

  test('one file: overloads, and a type with the name of a constant, are one symbol', () => {
    const text = 'export function a(x: string): void; export function a() {} export const b = 1; export type b = 1;';
    expect(duplicateExports([{ file: 'one.ts', text }])).toEqual([]);
  });

  test('list: by name, with all files', () => {
    const sources = ['c', 'a', 'b'].map(name => ({
      file: `${name}.ts`,
      text: 'export type Z = 1; export type Y = 1;',
    }));
    const files = ['a.ts', 'b.ts', 'c.ts'];
    expect(duplicateExports(sources)).toEqual([
      { name: 'Y', files },
      { name: 'Z', files },
    ]);
  });
});

describe('npm run names, as a process', () => {
  const root = mkdtempSync(join(tmpdir(), 'exported-names-'));
  afterAll(() => rmSync(root, { recursive: true }));
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['infra/tools/exported-names.ts', ...args], { encoding: 'utf8' });

  test('exit code: 1 without files, and when lambda/ and infra/ share a name', () => {
    expect(run('--root', root)).toMatchObject({ status: 1, stdout: '0 files, 0 exported names that are shared\n' });
    for (const folder of ['lambda/deep', 'infra', 'test']) mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, 'lambda/deep/one.ts'), 'export const shared = 1;');
    writeFileSync(join(root, 'test/one.ts'), 'export const shared = 1;');
    expect(run('--root', root)).toMatchObject({ status: 0, stdout: '1 files, 0 exported names that are shared\n' });
    writeFileSync(join(root, 'infra/two.ts'), 'export const shared = 1;');
    expect(run('--root', root)).toMatchObject({
      status: 1,
      stdout: '2 files, 1 exported names that are shared\n',
      stderr: 'shared: infra/two.ts, lambda/deep/one.ts\n',
    });
  });
});
