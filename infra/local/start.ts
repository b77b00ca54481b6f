import { localHelp, readAssignments, readLocalOptions, UsageError } from './options.ts';
import { startLocalRun } from './run.ts';
import { announcement, readableLine } from './start-output.ts';

const args = process.argv.slice(2);
const assigned = readAssignments(args.filter(argument => argument !== '--help'));
if (assigned === undefined) {
  console.error('usage error: the only option is --help; variables such as PORT=4000 configure the run');
  process.exitCode = 2;
} else if (args.includes('--help')) process.stdout.write(localHelp);
else await start({ ...process.env, ...assigned });

async function start(environment: Readonly<Record<string, string | undefined>>): Promise<void> {
  try {
    const options = readLocalOptions(environment);
    const log = process.stderr.isTTY
      ? (line: string) => options.log(readableLine(line, process.stderr.columns || 80))
      : options.log;
    const run = await startLocalRun({ ...options, log });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void run.close());
    for (const line of announcement(run, options.data)) console.log(line);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
