import { spawn } from 'node:child_process';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type FolderResult, readResult, summaryOf } from './summary.ts';

/** Folders of lambda/, and the test folders that their mutants are run against: their own, and those that use them most. */
const folders: Readonly<Record<string, readonly string[]>> = {
  authentication: ['authentication'],
  receipts: ['receipts', 'erasure'],
  erasure: ['erasure'],
  voucherify: ['voucherify'],
  quota: ['quota'],
  request: ['request'],
  platforms: ['platforms'],
};

const help = `Mutation tests with Stryker: changes the code in every small way, and reports the changes that no test notices.

  npm run mutate                             every folder of the list below
  npm run mutate -- --only receipts,quota    only these
  npm run mutate -- --file classify.ts       only files of this name
  npm run mutate -- --concurrency 2          with two processes instead of one
  npm run mutate -- --list                   prints the survivors of the last results, and runs nothing

A file is one part. Its result is kept in .mutation, and mutants whose code and tests have not changed are not run
again: a run that was stopped continues with the next file. Mutants of constants that are computed once, at import, are
not run (ignoreStatic), and random tests are shortened or left out. A whole folder replaces its row in test/mutation/SUMMARY.md.

  ${Object.keys(folders).join(', ')}
`;

const root = join(import.meta.dirname, '../..');
const summaryFile = join(import.meta.dirname, 'SUMMARY.md');
const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    only: { type: 'string' },
    file: { type: 'string' },
    concurrency: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(help);
else {
  const names = values.only?.split(',') ?? Object.keys(folders);
  const unknown = names.filter(name => !Object.hasOwn(folders, name));
  if (unknown.length > 0) throw new Error(`unknown folder ${unknown.join(', ')}: see --help`);
  for (const name of names) await mutate(name);
}

async function mutate(name: string): Promise<void> {
  const files = globSync(`lambda/${name}/**/*.ts`, { cwd: root }).toSorted();
  const chosen = files.filter(file => values.file === undefined || basename(file) === values.file);
  const reports: string[] = [];
  for (const file of chosen) {
    const report = `.mutation/${file.replaceAll('/', '-')}.json`;
    if (!values.list) await runStryker(file, report, folders[name] ?? []);
    // A file without anything to change has no report.
    if (existsSync(join(root, report))) reports.push(readFileSync(join(root, report), 'utf8'));
  }
  const result = readResult(name, reports);
  for (const { place, change, status } of result.alive) console.log(`${status} ${place}: ${change}`);
  console.log(`${name}: ${result.killed} of ${result.total} killed`);
  if (values.file === undefined && !values.list) replaceRow(result);
}

function runStryker(file: string, report: string, tests: readonly string[]): Promise<void> {
  const include = tests.map(folder => `test/${folder}/**/*.test.ts`).join(',');
  const args = ['run', 'test/mutation/stryker.config.json', '--mutate', file, '--incrementalFile', report];
  args.push('--concurrency', values.concurrency);
  // Random inputs only show here that a mutant lives on: a few of them must do.
  const env = { FUZZ_RUNS: '10', ...process.env, MUTATION_TESTS: include };
  const child = spawn(join(root, 'node_modules/.bin/stryker'), args, { cwd: root, stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => (code === 0 ? resolve() : reject(new Error(`Stryker ended with ${code}: ${file}`))));
  });
}

function replaceRow(result: FolderResult): void {
  writeFileSync(summaryFile, summaryOf(readFileSync(summaryFile, 'utf8'), result));
}
