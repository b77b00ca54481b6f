import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { targets } from '../targets/index.ts';
import { corpus } from './corpus.ts';
import { type Finding, runBatch, type Target, violationsOf } from './target.ts';

export interface FuzzOptions {
  readonly names: readonly string[];
  readonly seed: number;
  readonly minutes: number;
  /** Batches per target, instead of minutes. */
  readonly batches: number | undefined;
  readonly corpusOnly: boolean;
}

/** Inputs of one batch: a finding is repeated within seconds. */
const batchSize = 100;

/** Largest growth of the heap after the first batches of a target, in bytes. */
const maxGrowth = 48 * 1_048_576;

/** Runs the kept inputs, and then generated ones until the time is over. Returns the number of findings. */
export async function runFuzz(options: FuzzOptions): Promise<number> {
  const startedAt = performance.now();
  console.log(`seed ${options.seed}`);
  let [cases, findings] = [0, 0];
  for (const name of options.names) {
    const result = await runTarget(name, targets[name]!, options);
    cases += result.cases;
    findings += result.findings;
  }
  console.log(`\n${cases} cases, ${findings} findings, ${seconds(startedAt)} s`);
  return findings;
}

async function runTarget(name: string, target: Target<unknown>, options: FuzzOptions) {
  const startedAt = performance.now();
  const kept = corpus.filter(one => one.target === name);
  let [cases, findings] = [0, 0];
  for (const { file, input } of kept) {
    const violations = await violationsOf(target, input);
    cases += 1;
    if (violations.length > 0) findings += printFinding({ input, violations }, `kept in ${file}`);
  }
  const until = startedAt + (options.minutes * 60_000) / options.names.length;
  const more = (batch: number) => (options.batches === undefined ? performance.now() < until : batch < options.batches);
  let [first, growth] = [0, 0];
  for (let batch = 0; !options.corpusOnly && findings === 0 && more(batch); batch += 1) {
    const seed = options.seed + batch;
    const result = await runBatch(target, seed, batchSize);
    cases += result.cases;
    if (result.finding)
      findings += printFinding(result.finding, `npm run fuzz -- --only ${name} --seed ${seed} --batches 1`);
    const used = heapUsed();
    // Modules are compiled and caches filled in the first batches.
    if (batch < 3) first = used;
    growth = Math.max(0, used - first);
  }
  await target.close?.();
  if (growth > maxGrowth) findings += printFinding({ input: null, violations: ['memory grows'] }, `${growth} bytes`);
  const numbers = `${cases} cases, ${kept.length} of them kept, ${findings} findings, ${seconds(startedAt)} s`;
  console.log(`${findings === 0 ? 'ok  ' : 'FAIL'} ${name}: ${numbers}, heap +${Math.round(growth / 1024)} KiB`);
  return { cases, findings };
}

function printFinding({ input, violations }: Finding, reproduction: string): 1 {
  console.log(`FINDING ${violations.join('; ')}\n    ${reproduction}\n    ${JSON.stringify(input)}`);
  return 1;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
