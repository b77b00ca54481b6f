import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import * as v from 'valibot';

/**
 * `npm run check`: everything that must pass. The quick steps run in parallel, then the tests; `cdk synth`, cdk-nag and
 * the assertions on roles and template are tests. The counts at the end come from the test runner.
 */
const results = 'coverage/results.json';

type Step = readonly [name: string, command: string, ...args: string[]];

const formatStep = 'format and lint';

const quick: readonly Step[] = [
  [formatStep, 'biome', 'check', '--error-on-warnings', '.'],
  ['types', 'tsc', '--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'],
  ['import directions', 'node', 'infra/tools/arrows.ts'],
  ['exported names', 'node', 'infra/tools/exported-names.ts'],
  ['dead code', 'knip'],
];
const tests: Step = [
  'tests',
  'vitest',
  'run',
  '--coverage',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${results}`,
];

if (process.argv.includes('--help')) {
  console.log(`npm run check runs: ${[...quick, tests].map(([name]) => name).join(', ')}`);
} else {
  rmSync(results, { force: true });
  const passed = (await Promise.all(quick.map(step => runStep(step, 'pipe')))).every(Boolean);
  const green = passed && (await runStep(tests, 'inherit'));
  console.log(readCounts());
  process.exitCode = green ? 0 : 1;
}

/** Runs a step. Prints its output at the end, or directly with `inherit`. */
function runStep([name, command, ...args]: Step, output: 'pipe' | 'inherit'): Promise<boolean> {
  const startedAt = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', output, output] });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => printed.push(chunk));
  return new Promise(resolve => {
    child.once('close', code => {
      process.stdout.write(Buffer.concat(printed));
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      console.log(`== ${name}: ${code === 0 ? 'ok' : 'FAILED'} in ${seconds} s`);
      if (code !== 0 && name === formatStep) console.log('If only the format is wrong: run npm run format');
      resolve(code === 0);
    });
  });
}

function readCounts(): string {
  if (!existsSync(results)) return '0 passed, 0 failed';
  const schema = v.object({ numPassedTests: v.number(), numFailedTests: v.number(), numPendingTests: v.number() });
  const run = v.parse(schema, JSON.parse(readFileSync(results, 'utf8')));
  if (run.numPendingTests > 0) console.log(`${run.numPendingTests} skipped; the reasons are above`);
  return `${run.numPassedTests} passed, ${run.numFailedTests} failed`;
}
