import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite.ts';
import { pausesOf } from '../../lambda/pause.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ops-'));
  openSqliteStore(join(folder, 'erasure.sqlite')).close();
});
afterEach(() => rmSync(folder, { recursive: true }));

function ops(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['infra/ops/ops.ts', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

async function isPaused(): Promise<boolean> {
  const store = openSqliteStore(join(folder, 'erasure.sqlite'));
  const { paused } = await pausesOf(['platform:ketch'], store.control);
  store.close();
  return paused.has('platform:ketch');
}

describe('the operator’s tool, as a process over the store of a local run', () => {
  test('pauses and resumes a scope, and says when it was so already', async () => {
    const at = ['--local', folder, '--why', 'a drill', '--by', 'on-call'] as const;
    expect(ops('pause', 'platform:ketch', ...at)).toMatchObject({ status: 0, stdout: 'platform:ketch: paused\n' });
    expect(await isPaused()).toBe(true);
    expect(ops('pause', 'platform:ketch', ...at).status).toBe(3);
    expect(ops('pauses', 'platform:ketch', 'all', '--local', folder).stdout).toBe(
      'platform:ketch: paused\nall: not paused\n',
    );
    expect(ops('resume', 'platform:ketch', ...at).status).toBe(0);
    expect(await isPaused()).toBe(false);
  });

  test.each([
    [['pause', 'platform:ketch'], '--why: must say the reason'],
    [['pause', 'platform:'], 'SCOPE: must be all, platform:NAME or project:NAME'],
    [['pause', 'all', 'all', '--why', 'x'], 'pause: name one scope'],
    [['retry'], 'no such command; see --help'],
    [['pauses'], 'pauses: name the scopes'],
    [['pause', 'all', '--wyh', 'x'], '--wyh'],
  ])('refuses %j with one line and exit code 2', (args, message) => {
    const { status, stderr } = ops(...args, '--local', folder);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('says so when there is nothing to write to', () => {
    const { status, stderr } = ops('pause', 'all', '--why', 'x', '--local', join(folder, 'nowhere'));
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'the table cannot be reached\n' });
  });

  test('has a help', () => {
    expect(ops('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('npm run ops -- resume') });
    expect(ops().status).toBe(2);
  });
});
