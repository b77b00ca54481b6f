import { runPlanted } from './planted.ts';
import { type Size, scenarios } from './scenarios/index.ts';
import type { Outcome } from './support/measures.ts';

const help = `Fault injection tests: runs the handlers on a simulated clock, with faults that a seed determines.

  npm run chaos                     all scenarios in full size
  npm run chaos -- --small          all scenarios in the size of npm run check
  npm run chaos -- --only mix,quota only these scenarios
  npm run chaos -- --match 'seed 7' only runs whose label contains this text
  npm run chaos -- --part 1/2       only every second run, from the first one: with 2/2, two processes do all of them
  npm run chaos -- --first          stops after the first run with violations
  npm run chaos -- --planted        plants defects into copies of the code and prints what detects each; with --match

Every run prints its seed and its numbers. The same seed gives the same run, except for "killed", which runs real processes.
Exit code 1 for any violation: the first ones are printed with the history of their request.

${Object.entries(scenarios)
  .map(([name, { what }]) => `  ${name.padEnd(14)} ${what}`)
  .join('\n')}
`;

/** Violations of one run that are printed in full. */
const maxPrinted = 3;

if (process.argv.includes('--help')) process.stdout.write(help);
else process.exitCode = (await (process.argv.includes('--planted') ? runPlanted(matching()) : runAll())) === 0 ? 0 : 1;

async function runAll(): Promise<number> {
  const size: Size = process.argv.includes('--small') ? 'small' : 'full';
  const names = option('--only')?.split(',') ?? Object.keys(scenarios);
  const first = process.argv.includes('--first');
  const startedAt = performance.now();
  const isInPart = partOfRuns();
  let [runs, violated] = [0, 0];
  for (const name of names) {
    const scenario = scenarios[name];
    if (scenario === undefined) throw new Error(`unknown scenario ${name}: see --help`);
    console.log(`\n== ${name}: ${scenario.what}`);
    const chosen = scenario.runs[size].filter(({ label }) => label.includes(matching())).filter(isInPart);
    for (const [index, { label, run }] of chosen.entries()) {
      const outcome = await printRun(`${index + 1}/${chosen.length} ${label}`, run);
      runs += 1;
      violated += outcome.violations.length > 0 ? 1 : 0;
      if (first && violated > 0) return violated;
    }
  }
  console.log(`\n${runs} runs in ${seconds(startedAt)} s, ${violated} with violations`);
  return runs === 0 ? 1 : violated;
}

async function printRun(label: string, run: () => Promise<Outcome>): Promise<Outcome> {
  const startedAt = performance.now();
  const outcome = await run();
  const { violations, ...numbers } = outcome;
  const figures = Object.entries(numbers).map(([name, value]) => `${name} ${formatFigure(value)}`);
  console.log(`${violations.length === 0 ? 'ok  ' : 'FAIL'} ${label} (${seconds(startedAt)} s): ${figures.join(', ')}`);
  for (const violation of violations.slice(0, maxPrinted)) console.log(`    ${violation}`);
  if (violations.length > maxPrinted) console.log(`    and ${violations.length - maxPrinted} more`);
  return outcome;
}

function formatFigure(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toFixed(3))) : String(value);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

/** Returns a filter that keeps the runs of the part that the options name. Throws for a part that does not exist. */
function partOfRuns(): () => boolean {
  const [part = 0, of = 0] = (option('--part') ?? '1/1').split('/').map(Number);
  if (!(Number.isInteger(of) && part >= 1 && part <= of)) throw new Error('--part: must be 1/2, for example');
  let count = 0;
  return () => {
    count += 1;
    return count % of === part % of;
  };
}

function matching(): string {
  return option('--match') ?? '';
}

/** Returns the value of an option, if it is set. */
function option(name: string): string | undefined {
  const index = process.argv.indexOf(name);
  return index === -1 ? undefined : process.argv[index + 1];
}
