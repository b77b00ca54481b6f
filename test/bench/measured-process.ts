import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { BenchHarness } from './bench-harness.ts';

/** Runs a program with the webhook's variables and returns the JSON that it prints; throws with its output if there is none. */
export async function printedJson<T>(
  harness: BenchHarness,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<T> {
  const lambda = { AWS_LAMBDA_FUNCTION_NAME: 'erasure-webhook', AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1024' };
  const env = { ...harness.variables, ...harness.extraVariables, ...lambda, ...variables };
  const options = { env, stdio: ['ignore', 'ignore', 'pipe'] as ['ignore', 'ignore', 'pipe'] };
  const child = spawn(process.execPath, ['--import', harness.preload, ...args], options);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const said = await text(child.stderr);
  process.off('exit', kill);
  const line = said.split('\n').find(one => one.startsWith('{'));
  if (line === undefined) throw new Error(`${args.join(' ')}: ${said}`);
  return JSON.parse(line) as T;
}
