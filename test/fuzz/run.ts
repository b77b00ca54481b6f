import { parseArgs } from 'node:util';
import { runFuzz } from './support/run-fuzz.ts';
import { targets } from './targets/index.ts';

const help = `Sends generated hostile input to the service and checks the rules of SECURITY.md.

  npm run fuzz                       every target, one minute in total
  npm run fuzz -- --minutes 10
  npm run fuzz -- --only aws,events  only these targets
  npm run fuzz -- --seed 7           the first seed; the same seed gives the same inputs
  npm run fuzz -- --corpus           only the kept inputs
  npm run fuzz -- --batches 1        a number of batches per target, instead of minutes

Prints cases, findings and seconds. A finding is printed with the smallest input, which can be kept in test/fuzz/corpus,
and with the command that repeats its batch. Exit code 1 for any finding.

${Object.entries(targets)
  .map(([name, { what }]) => `  ${name.padEnd(12)} ${what}`)
  .join('\n')}
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    only: { type: 'string' },
    corpus: { type: 'boolean', default: false },
    batches: { type: 'string' },
  },
});

if (values.help === true) process.stdout.write(help);
else {
  const names = values.only?.split(',') ?? Object.keys(targets);
  const unknown = names.filter(name => !Object.hasOwn(targets, name));
  if (unknown.length > 0) throw new Error(`unknown target ${unknown.join(', ')}: see --help`);
  process.exitCode =
    (await runFuzz({
      names,
      seed: Number(values.seed ?? Date.now() % 1_000_000),
      minutes: Number(values.minutes),
      batches: values.batches === undefined ? undefined : Number(values.batches),
      corpusOnly: values.corpus,
    })) === 0
      ? 0
      : 1;
}
