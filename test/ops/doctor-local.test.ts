import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { leaveWord } from '../../infra/local/running.ts';
import { startLocalProcess, temporaryFolder } from '../support/local-process.ts';
import { localFolder, ops } from './ops-process.ts';

test('npm start, doctor and try find each other, and what is left when it ends is not taken for it', async () => {
  const DATA_DIR = temporaryFolder();
  const run = await startLocalProcess({ DATA_DIR, SWEEP_SECONDS: '0.5' });
  const doctor = ops(['doctor', '--local', '--json'], { DATA_DIR });
  expect(JSON.parse(doctor.stdout)).toContainEqual({
    check: 'npm start',
    grade: 'ok',
    says: expect.stringContaining(`is running at ${run.url} since 20`),
  });
  expect(doctor.status, doctor.stdout).toBe(0);
  expect(ops(['try', 'ketch', '--local'], { DATA_DIR })).toMatchObject({ status: 0, stderr: '' });
  await run.stop();
  expect(ops(['try', 'ketch', '--local'], { DATA_DIR })).toMatchObject({
    status: 2,
    stderr: '--local: npm start is not running in the folder that DATA_DIR names\n',
  });
});

test('--local is not for npm start on an emulator', () => {
  const DATA_DIR = localFolder();
  leaveWord(DATA_DIR, { url: 'http://127.0.0.1:1' });
  const { status, stderr } = ops(['doctor', '--local'], { DATA_DIR });
  expect(status).toBe(2);
  expect(stderr).toMatch(/^--local: npm start keeps nothing itself now: leave --local out/);
  writeFileSync(join(DATA_DIR, 'run.json'), '');
  expect(ops(['doctor', '--local'], { DATA_DIR })).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(/^✗ npm start/),
  });
});
