import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import * as v from 'valibot';

/**
 * `npm run check`: everything that must be green, one step after the other, so that the first red one is the last thing
 * on the screen. The counts at the end are those of the test runner.
 */
const results = 'coverage/results.json';
const steps: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format and lint', 'biome', 'check', '--error-on-warnings', '.'],
  ['types', 'tsc', '--noEmit'],
  ['arrows', 'node', 'test/support/arrows.ts'],
  ['dead code', 'knip'],
  ['tests', 'vitest', 'run', '--coverage', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`],
];

if (process.argv.includes('--help')) {
  console.log(`npm run check runs, in this order: ${steps.map(([name]) => name).join(', ')}`);
} else {
  rmSync(results, { force: true });
  const failed = steps.find(step => !passes(step));
  if (failed !== undefined) console.error(`check: ${failed[0]} failed`);
  console.log(counts());
  process.exitCode = failed === undefined ? 0 : 1;
}

function passes([name, command, ...args]: (typeof steps)[number]): boolean {
  console.log(`\n== ${name}`);
  const began = performance.now();
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  console.log(`== ${name}: ${status === 0 ? 'ok' : 'failed'} in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return status === 0;
}

function counts(): string {
  if (!existsSync(results)) return '0 passed, 0 failed';
  const counted = v.object({ numPassedTests: v.number(), numFailedTests: v.number(), numPendingTests: v.number() });
  const { numPassedTests, numFailedTests, numPendingTests } = v.parse(
    counted,
    JSON.parse(readFileSync(results, 'utf8')),
  );
  if (numPendingTests > 0) console.log(`${numPendingTests} skipped, each with its reason above`);
  return `${numPassedTests} passed, ${numFailedTests} failed`;
}
