import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const work = mkdtempSync(join(tmpdir(), 'erasure-supply-'));
afterAll(() => rmSync(work, { recursive: true }));

const run = (name: string, ...args: string[]) =>
  spawnSync(process.execPath, [`infra/supply/${name}.ts`, ...args], { encoding: 'utf8' });

describe('the commands, as processes', () => {
  test('the licences are printed one a line, and are all allowed', () => {
    const { status, stdout, stderr } = run('licences');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const line of stdout.trim().split('\n')) expect(line).toMatch(/^[\w.-]+ +(@[\w-]+\/)?[\w-]+@\d+\.\d+\.\d+$/);
    expect(stdout).toMatch(/^MIT +valibot@/m);
  });

  test('one licence that is not on the list ends it with 1, and names whose it is', () => {
    const { status, stderr } = run('licences', '--only', 'Apache-2.0');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^not allowed: MIT of @middy\/core@[\d.]+$/m);
    expect(stderr).not.toContain('@aws-sdk');
  });

  test('the bill goes to a file or to the standard output, as JSON and nothing else', () => {
    const file = join(work, 'sbom.cdx.json');
    expect(run('sbom', '--out', file)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    const { stdout } = run('sbom');
    for (const text of [stdout, readFileSync(file, 'utf8')]) {
      expect(JSON.parse(text)).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.5' });
    }
  });

  test('a file that cannot be written ends it with 1 and one line', () => {
    const { status, stdout, stderr } = run('sbom', '--out', join(work, 'no-folder', 'sbom.cdx.json'));
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe('--out: the file cannot be written (ENOENT)\n');
  });

  test('without npm there is one line that says so', () => {
    const env = { PATH: work };
    const { status, stdout, stderr } = spawnSync(process.execPath, ['infra/supply/sbom.ts'], { encoding: 'utf8', env });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe('npm cannot list what is installed: run npm ci, with npm 10 or newer\n');
  });

  test.each(['sbom', 'licences'])('%s has a help, which it also gives for what it does not know', name => {
    const asked = run(name, '--help');
    expect(asked).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining(`npm run ${name} -- --`) });
    for (const wrong of ['--hepl', 'more']) {
      expect(run(name, wrong)).toMatchObject({ status: 2, stdout: '', stderr: asked.stdout });
    }
  });
});
