import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import * as v from 'valibot';

/**
 * `npm run check`: everything that must be green. The quick steps run beside each other, the tests after them; `cdk
 * synth`, cdk-nag and the assertions on roles and template are tests. The counts at the end are the test runner's.
 */
const results = 'coverage/results.json';

type Step = readonly [name: string, command: string, ...args: string[]];

const quick: readonly Step[] = [
  ['format and lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['types', 'tsc', '--noEmit', '--incremental', '--tsBuildInfoFile', 'node_modules/.cache/types.tsbuildinfo'],
  ['arrows', 'node', 'infra/tools/arrows.ts'],
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
  const passed = (await Promise.all(quick.map(step => passes(step, 'pipe')))).every(Boolean);
  const green = passed && (await passes(tests, 'inherit'));
  console.log(counts());
  process.exitCode = green ? 0 : 1;
}

/** Runs a step; what it prints comes as one piece, or as it goes with `inherit`. */
function passes([name, command, ...args]: Step, output: 'pipe' | 'inherit'): Promise<boolean> {
  const began = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', output, output] });
  const printed: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => printed.push(chunk));
  return new Promise(resolve => {
    child.once('close', code => {
      process.stdout.write(Buffer.concat(printed));
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      console.log(`== ${name}: ${code === 0 ? 'ok' : 'FAILED'} in ${seconds} s`);
      resolve(code === 0);
    });
  });
}

function counts(): string {
  if (!existsSync(results)) return '0 passed, 0 failed';
  const counted = v.object({ numPassedTests: v.number(), numFailedTests: v.number(), numPendingTests: v.number() });
  const run = v.parse(counted, JSON.parse(readFileSync(results, 'utf8')));
  if (run.numPendingTests > 0) console.log(`${run.numPendingTests} skipped, each with its reason above`);
  return `${run.numPassedTests} passed, ${run.numFailedTests} failed`;
}
