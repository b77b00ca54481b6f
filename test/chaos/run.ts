import { runPlanted } from './planted.ts';
import { type Size, scenarios } from './scenarios/index.ts';
import type { Outcome } from './scenarios/runs.ts';

const help = `Proof under fire: the built program, on a clock that jumps, under faults that a seed decides.

  npm run chaos                     everything, in full size
  npm run chaos -- --small          everything, in the size of npm test
  npm run chaos -- --only mix,quota some of it
  npm run chaos -- --match 'seed 7' only runs whose label holds this text
  npm run chaos -- --first          ends at the first run with violations
  npm run chaos -- --planted        plants mistakes into copies of the code and shows what catches each; with --match

Every run prints its seed and its numbers; the same seed is the same run, but for "killed", which runs real processes.
Exit code 1 when anything was violated: the first violations are printed with the story of their request.

${Object.entries(scenarios)
  .map(([name, { what }]) => `  ${name.padEnd(14)} ${what}`)
  .join('\n')}
`;

/** Violations of one run that are printed in full. */
const mostPrinted = 3;

if (process.argv.includes('--help')) process.stdout.write(help);
else process.exitCode = (await (process.argv.includes('--planted') ? runPlanted(matching()) : runAll())) === 0 ? 0 : 1;

async function runAll(): Promise<number> {
  const size: Size = process.argv.includes('--small') ? 'small' : 'full';
  const names = option('--only')?.split(',') ?? Object.keys(scenarios);
  const first = process.argv.includes('--first');
  const began = performance.now();
  let [runs, violated] = [0, 0];
  for (const name of names) {
    const scenario = scenarios[name];
    if (scenario === undefined) throw new Error(`there is no ${name}: see --help`);
    console.log(`\n== ${name}: ${scenario.what}`);
    const chosen = scenario.runs[size].filter(({ label }) => label.includes(matching()));
    for (const [index, { label, run }] of chosen.entries()) {
      const outcome = await timed(`${index + 1}/${chosen.length} ${label}`, run);
      runs += 1;
      violated += outcome.violations.length > 0 ? 1 : 0;
      if (first && violated > 0) return violated;
    }
  }
  console.log(`\n${runs} runs in ${seconds(began)} s, ${violated} with violations`);
  return runs === 0 ? 1 : violated;
}

async function timed(label: string, run: () => Promise<Outcome>): Promise<Outcome> {
  const began = performance.now();
  const outcome = await run();
  const { violations, ...numbers } = outcome;
  const counted = Object.entries(numbers).map(([name, value]) => `${name} ${rounded(value)}`);
  console.log(`${violations.length === 0 ? 'ok  ' : 'FAIL'} ${label} (${seconds(began)} s): ${counted.join(', ')}`);
  for (const violation of violations.slice(0, mostPrinted)) console.log(`    ${violation}`);
  if (violations.length > mostPrinted) console.log(`    and ${violations.length - mostPrinted} more`);
  return outcome;
}

function rounded(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toFixed(3))) : String(value);
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

function matching(): string {
  return option('--match') ?? '';
}

/** The text after an option, if it is there. */
function option(name: string): string | undefined {
  const index = process.argv.indexOf(name);
  return index === -1 ? undefined : process.argv[index + 1];
}
