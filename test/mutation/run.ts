import { spawn } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type FolderResult, readResult, summaryOf } from './summary.ts';

/** Folders of lambda/, and the tests that their mutants are run against: their own, and those that use them most. */
const folders: Readonly<Record<string, readonly string[]>> = {
  authentication: ['authentication/*'],
  receipts: [
    ...['receipts/*', 'erasure/*', 'request/*', 'sweep/*', 'reappearance/*', 'local/sqlite'],
    'ops/{accept-partial,decisions,erase-again,preview,show}',
  ],
  erasure: ['erasure/*', 'request/*', 'sweep/*', 'reappearance/*'],
  voucherify: [
    ...['voucherify/*', 'settings', 'sweep/residue'],
    'erasure/{attempt-projects,attempt-resumed,attempt-review,legal-hold,partial-results}',
  ],
  quota: ['quota/*', 'voucherify/client'],
  request: ['request/*', 'sweep/*', 'platforms/{shopify,transcend,ketch,generic-callbacks}', 'ops/retry-new-request'],
  platforms: [
    ...['platforms/*', 'settings', 'request/{manual,receive,refused-requests,withdrawal}'],
    ...['sweep/{callbacks,callback-changed,pull}', 'authentication/{access-token,json-web-token}', 'ops/explain'],
  ],
};

/**
 * Tests of many seconds: thousands of random orders of events, and the whole service. They would be repeated for each
 * mutant.
 */
const slow = [
  'test/erasure/attempt-faults.test.ts',
  'test/receipts/sequences.test.ts',
  'test/platforms/recipes.test.ts',
];

const help = `Mutation tests with Stryker: changes the code in every small way, and reports the changes that no test notices.

  npm run mutate                             every folder of the list below
  npm run mutate -- --only receipts,quota    only these
  npm run mutate -- --only erasure --file attempt.ts    only files of this name, without a row in the summary
  npm run mutate -- --concurrency 2          with two processes instead of one
  npm run mutate -- --list                   prints the survivors of the last results, and runs nothing

A folder is one part. Its result is kept in .mutation, and mutants whose code and tests have not changed are not run
again. Mutants of constants that are computed once, at import, are not run (ignoreStatic), and random tests are shortened
or left out. A whole folder replaces its row in test/mutation/SUMMARY.md.

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
  const report = `.mutation/${name}${values.file === undefined ? '' : `-${values.file}`}.json`;
  if (!values.list) await runStryker(`lambda/${name}/**/${values.file ?? '*.ts'}`, report, folders[name] ?? []);
  const result = readResult(name, [readFileSync(join(root, report), 'utf8')]);
  for (const { place, change, status } of result.alive) console.log(`${status} ${place}: ${change}`);
  console.log(`${name}: ${result.killed} of ${result.total} killed`);
  if (values.file === undefined && !values.list) replaceRow(result);
}

function runStryker(mutated: string, report: string, tests: readonly string[]): Promise<void> {
  const patterns = tests.map(name => `test/${name}.test.ts`);
  const include = globSync(patterns, { cwd: root, exclude: slow }).toSorted().join(',');
  const args = ['run', 'test/mutation/stryker.config.json', '--mutate', mutated, '--incrementalFile', report];
  args.push('--concurrency', values.concurrency);
  // Random inputs only show here that a mutant lives on: a few of them must do.
  const env = { FUZZ_RUNS: '50', ...process.env, MUTATION_TESTS: include };
  const child = spawn(join(root, 'node_modules/.bin/stryker'), args, { cwd: root, stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => (code === 0 ? resolve() : reject(new Error(`Stryker ended with ${code}: ${mutated}`))));
  });
}

function replaceRow(result: FolderResult): void {
  writeFileSync(summaryFile, summaryOf(readFileSync(summaryFile, 'utf8'), result));
}
