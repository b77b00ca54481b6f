import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openSqliteStore } from '../../infra/local/sqlite-store.ts';

/** The operator's tool as a process, with `input` on its standard input, and what it printed. */
export function ops(args: readonly string[], environment: Readonly<Record<string, string>> = {}, input = '') {
  const env = { ...process.env, NO_COLOR: '1', ...environment };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['infra/ops/ops.ts', ...args], {
    encoding: 'utf8',
    env,
    input,
  });
  return { status, stdout, stderr };
}

/** The folder of a local run that nobody uses any more, with an empty store. */
export function localFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ops-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  openSqliteStore(join(folder, 'erasure.sqlite')).close();
  return folder;
}
