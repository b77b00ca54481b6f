import { localHelp, readLocalOptions, UsageError } from './options.ts';
import { startLocalRun } from './run.ts';

const [unknown] = process.argv.slice(2).filter(argument => argument !== '--help');
if (unknown !== undefined) {
  console.error('usage error: there are no options but --help; variables configure the run');
  process.exitCode = 2;
} else if (process.argv.includes('--help')) process.stdout.write(localHelp);
else await start();

async function start(): Promise<void> {
  try {
    const run = await startLocalRun(readLocalOptions(process.env));
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void run.close());
    if (run.sandboxUrl !== undefined) console.log(`sandbox Voucherify ${run.sandboxUrl}`);
    console.log(`ready ${run.url}`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
