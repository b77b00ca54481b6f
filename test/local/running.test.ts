import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { leaveWord, runningIn } from '../../infra/local/running.ts';
import { temporaryFolder } from '../support/local-process.ts';

const urls = { url: 'http://127.0.0.1:1', sandboxUrl: 'http://127.0.0.1:2' };

test('a run is found in its folder, which is made, until it ends', () => {
  const folder = join(temporaryFolder(), 'data');
  expect(runningIn(folder)).toBeUndefined();
  const forget = leaveWord(folder, urls);
  expect(runningIn(folder)).toEqual({ ...urls, pid: process.pid, startedAt: expect.stringMatching(/^20\d\d-/) });
  forget();
  expect(runningIn(folder)).toBeUndefined();
  expect(existsSync(join(folder, 'run.json'))).toBe(false);
  forget();
});

test('a run that died is none', () => {
  const folder = temporaryFolder();
  leaveWord(folder, urls);
  const { pid } = spawnSync(process.execPath, ['--version']);
  const file = join(folder, 'run.json');
  const word = readFileSync(file, 'utf8');
  const ofProcess = (pid: number) => writeFileSync(file, word.replace(`"pid":${process.pid}`, `"pid":${pid}`));
  ofProcess(pid);
  expect(runningIn(folder)).toBeUndefined();
  // Process 1 always runs, and belongs to somebody else on most machines.
  ofProcess(1);
  expect(runningIn(folder)).toMatchObject(urls);
});

test.each(['', '{', '{"url":"http://127.0.0.1:1","pid":-1,"startedAt":"x"}'])(
  'what says %j is no word of a run',
  text => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'run.json'), text);
    expect(runningIn(folder)).toBeUndefined();
  },
);

test('a run that began later in the same folder is left there', () => {
  const folder = temporaryFolder();
  const forget = leaveWord(folder, { url: 'http://127.0.0.1:3' });
  leaveWord(folder, urls);
  forget();
  expect(runningIn(folder)).toMatchObject(urls);
});

test('nothing is written where nothing can be kept', () => {
  leaveWord(':memory:', urls)();
  const folder = temporaryFolder();
  const file = join(folder, 'file');
  writeFileSync(file, '');
  chmodSync(file, 0o400);
  leaveWord(file, urls)();
  expect(existsSync(':memory:')).toBe(false);
});
