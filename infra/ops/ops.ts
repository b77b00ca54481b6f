import { readFileSync } from 'node:fs';
import { Failure } from '../../lambda/domain/failure.ts';
import { parseSettings, SettingsError } from '../../lambda/settings.ts';
import { UsageError } from '../local/index.ts';
import { isStage, namesOf } from '../stack/names.ts';
import type { ParsedArgs } from './args.ts';
import { OpsUsageError, parseCommandArgs } from './args.ts';
import { commands, commonHelp, overview } from './commands.ts';
import { deployedContext, localContext, type OpsContext } from './context.ts';
import { processOutput } from './terminal.ts';

const [name = '--help', ...rest] = process.argv.slice(2);
process.stdout.on('error', handleOutputError);
/** The usual causes when a deployment cannot be reached. */
const hint = rest.includes('--local') ? '' : ': check credentials, region and --stage, or run npm run ops -- doctor';
process.exitCode = await main().catch(reportError);

async function main(): Promise<number> {
  if (name === '--help' || name === 'help') {
    process.stdout.write(overview());
    return process.argv.length > 2 ? 0 : 2;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new OpsUsageError('unknown command; npm run ops -- --help lists all commands');
  const args = parseCommandArgs(command, rest);
  if (args.isSet('help')) {
    process.stdout.write(`${command.help}\n${commonHelp}`);
    return 0;
  }
  const context = openContext(args);
  try {
    return await command.run(args, context, processOutput(args.isSet('json')));
  } finally {
    context.close();
  }
}

function openContext(args: ParsedArgs): OpsContext {
  if (args.isSet('local')) return localContext({ ...process.env, ...withSettings(args) });
  const stage = args.text('stage');
  if (stage !== undefined && !isStage(stage))
    throw new OpsUsageError('--stage: must be a valid stage name, such as the deployed one');
  // Only with an emulator may the settings name a local address.
  const where = process.env['AWS_ENDPOINT_URL'] === undefined ? 'deployed' : 'local';
  const file = args.text('settings') ?? 'infra/settings.json';
  return deployedContext(parseSettings(read(file), where), namesOf(stage));
}

function withSettings(args: ParsedArgs) {
  const SETTINGS = args.text('settings');
  return SETTINGS === undefined ? {} : { SETTINGS };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new OpsUsageError('--settings: the file cannot be read');
  }
}

/** Prints an error in one line, and returns the exit code. Unknown errors are named only: their text could contain input. */
function reportError(error: unknown): number {
  const isUsageError = error instanceof OpsUsageError || error instanceof UsageError || isUnknownOption(error);
  if (isUnknownOption(error))
    console.error(`unknown option, or an option without its value; npm run ops -- ${name} --help`);
  else if (isUsageError || error instanceof SettingsError) console.error(error.message);
  else if (error instanceof Failure) console.error(`${error.message}${error.code === 'unavailable' ? hint : ''}`);
  else console.error(`failed (${error instanceof Error ? error.name : 'unknown'})${hint}`);
  return isUsageError ? 2 : 1;
}

function isUnknownOption(error: unknown): error is Error {
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

/** A reader such as `head` may close the pipe early; this is not a failure. */
function handleOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  console.error('cannot write the output');
  process.exit(1);
}
