import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import example from '../../infra/settings.json' with { type: 'json' };
import { bundles } from '../../infra/tools/sbom.ts';
import { findProgram } from '../support/skipped.ts';
import { everySetting } from './every-setting.ts';

const root = join(import.meta.dirname, '../..');
const work = mkdtempSync(join(tmpdir(), 'erasure-synth-'));
afterAll(() => rmSync(work, { recursive: true }));

/** No account, no home folder with one, and every network call ends at a closed port. */
const env = {
  PATH: process.env['PATH'],
  HOME: work,
  TMPDIR: work,
  HTTPS_PROXY: 'http://127.0.0.1:9',
  HTTP_PROXY: 'http://127.0.0.1:9',
};

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(file: string, args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const options = { cwd: root, env: { ...env, ...more } };
  return promisify(execFile)(file, [...args], options).then(
    done => ({ code: 0, ...done }),
    error => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

const cdk = (...args: string[]) => run(process.execPath, [join(root, 'node_modules/aws-cdk/bin/cdk'), ...args]);

/** The app alone: what `cdk` is given as `-c` reaches it in one variable. */
const app = (context: Readonly<Record<string, unknown>>, outdir: string) => {
  const told = { CDK_CONTEXT_JSON: JSON.stringify(context), CDK_OUTDIR: outdir, CDK_VALIDATION: 'false' };
  return run(process.execPath, ['infra/app.ts'], told);
};

function file(name: string, settings: unknown): string {
  writeFileSync(join(work, name), JSON.stringify(settings));
  return join(work, name);
}

const out = {
  synth: join(work, 'synth'),
  every: join(work, 'every'),
  staged: join(work, 'staged'),
  wrong: join(work, 'wrong'),
};
let synth: Ended;
let every: Ended;
let staged: Ended;
let wrong: Ended;
beforeAll(async () => {
  const other = file('other.json', { ...example, operations: { allowIps: ['192.0.2.0/24'] } });
  const projects = { main: { baseUrl: 'http://127.0.0.1:4000' } };
  const bad = file('bad.json', { ...example, projects, operations: { alarmEmail: 'hunter2' } });
  const stage = { stage: 'test', settings: other, apiLogRole: 'existing', 'aws:cdk:bundling-stacks': [] };
  [synth, every, staged, wrong] = await Promise.all([
    cdk('synth', '--quiet', '--output', out.synth),
    cdk('synth', '--quiet', '--output', out.every, '-c', `settings=${file('every.json', everySetting)}`),
    app(stage, out.staged),
    app({ settings: bad }, out.wrong),
  ]);
});

/** The example settings have no alarm e-mail. */
const noEmail = /^.*WARNING.*operations\.alarmEmail is not set.*$/im;

describe('cdk synth without account and network', () => {
  test('settings: the example and every setting succeed without a warning', () => {
    for (const { code, stderr } of [synth, every]) {
      expect(stderr.replace(noEmail, '')).not.toMatch(/warning|error|not configured/i);
      expect(code).toBe(0);
    }
    for (const folder of [out.synth, out.every]) {
      expect(readdirSync(folder)).toContain('VoucherifyErasure.template.json');
    }
  });

  test('bundles: are those of the bill of materials', async () => {
    const assets = readdirSync(out.every).filter(name => name.startsWith('asset.'));
    const made = assets.map(name => readFileSync(join(out.every, name, 'index.mjs'), 'utf8'));
    const built = await bundles();
    const withoutMap = made.map(text => text.replace(/\/\/# sourceMappingURL=index\.mjs\.map\s*$/, ''));
    expect(built.map(({ text }) => text).sort()).toEqual(withoutMap.sort());
  });

  test('source maps: are in the bundles, without the source text', () => {
    for (const name of readdirSync(out.synth).filter(name => name.startsWith('asset.'))) {
      const text = readFileSync(join(out.synth, name, 'index.mjs.map'), 'utf8');
      const map = JSON.parse(text) as { readonly sources: readonly string[] };
      expect(map.sources).toContainEqual(expect.stringMatching(/lambda\/io\/log\.ts$/));
      expect(map).not.toHaveProperty('sourcesContent');
    }
  });

  const noLint = findProgram(['cfn-lint'], 'pip install cfn-lint') === undefined;
  test.skipIf(noLint)('templates: are accepted by cfn-lint', async () => {
    const templates = [out.synth, out.every].map(folder => join(folder, 'VoucherifyErasure.template.json'));
    // CDK says twice that a function needs its role.
    const args = ['--ignore-checks', 'W3005', '--', ...templates];
    expect(await run('cfn-lint', args)).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

test('cdk -c with a misspelt name: is one line, and exit code 1', async () => {
  const { code, stdout, stderr } = await app({ stagee: 'hunter2' }, out.wrong);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toBe('settings: -c stagee: unknown; the options are stage, settings, apiLogRole, rollbackOnAlarms\n');
});

test('no alarm e-mail: is a warning', () => {
  expect(synth.stderr).toContain('operations.alarmEmail is not set');
  expect(every.stderr).not.toContain('alarmEmail');
});

test('cdk -c: sets stage and settings', () => {
  expect(staged).toEqual({ code: 0, stdout: '', stderr: '' });
  const template = readFileSync(join(out.staged, 'VoucherifyErasure-test.template.json'), 'utf8');
  for (const part of ['erasure-test-receipts', 'erasure-test/platform/ketch', '192.0.2.0/24']) {
    expect(template).toContain(part);
  }
  expect(template).not.toContain('AWS::ApiGateway::Account');
});

test('cdk -c settings: each invalid one is a line without a value, and the exit code is 1', () => {
  expect(wrong.stderr).toMatch(
    /^settings:\n {2}\/projects\/main\/baseUrl \(line 1, [^\n]+\n {2}\/operations\/alarmEmail [^\n]+\n$/,
  );
  expect(wrong.stderr).not.toMatch(/hunter2|4000/);
  expect(wrong).toMatchObject({ code: 1, stdout: '' });
});
