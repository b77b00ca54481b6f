import { readFileSync } from 'node:fs';
import { Failure } from '../../lambda/domain/failure.ts';
import { parseSettings, SettingsError } from '../../lambda/settings.ts';
import { UsageError } from '../local/options.ts';
import { isStage, namesOf } from '../stack/names.ts';
import type { ParsedArgs } from './args.ts';
import { OpsUsageError, parseCommandArgs } from './args.ts';
import { commands, commonHelp, overview } from './commands.ts';
import { deployedContext, localContext, type OpsContext } from './context.ts';
import { processOutput } from './terminal.ts';

const [name = '--help', ...rest] = process.argv.slice(2);
process.stdout.on('error', outputLost);
/** What usually is in the way between an operator and a deployment. */
const hint = rest.includes('--local') ? '' : ': credentials, region, --stage? npm run ops -- doctor tells';
process.exitCode = await main().catch(told);

async function main(): Promise<number> {
  if (name === '--help' || name === 'help') {
    process.stdout.write(overview());
    return process.argv.length > 2 ? 0 : 2;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new OpsUsageError('no such command; npm run ops -- --help lists them');
  const typed = parseCommandArgs(command, rest);
  if (typed.isSet('help')) {
    process.stdout.write(`${command.help}\n${commonHelp}`);
    return 0;
  }
  const desk = opened(typed);
  try {
    return await command.run(typed, desk, processOutput(typed.isSet('json')));
  } finally {
    desk.close();
  }
}

function opened(typed: ParsedArgs): OpsContext {
  if (typed.isSet('local')) return localContext({ ...process.env, ...withSettings(typed) });
  const stage = typed.text('stage');
  if (stage !== undefined && !isStage(stage)) throw new OpsUsageError('--stage: must be the name that was deployed');
  // Only an emulator may stand on this machine.
  const where = process.env['AWS_ENDPOINT_URL'] === undefined ? 'deployed' : 'local';
  const file = typed.text('settings') ?? 'infra/settings.json';
  return deployedContext(parseSettings(read(file), where), namesOf(stage));
}

function withSettings(typed: ParsedArgs) {
  const SETTINGS = typed.text('settings');
  return SETTINGS === undefined ? {} : { SETTINGS };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new OpsUsageError('--settings: the file cannot be read');
  }
}

/** One line for whoever typed it, and never an error's own text that could hold what was sent. */
function told(error: unknown): number {
  const typedWrongly = error instanceof OpsUsageError || error instanceof UsageError || isUnknownOption(error);
  if (isUnknownOption(error)) console.error(`no such option, or one without its value; npm run ops -- ${name} --help`);
  else if (typedWrongly || error instanceof SettingsError) console.error(error.message);
  else if (error instanceof Failure) console.error(`${error.message}${error.code === 'unavailable' ? hint : ''}`);
  else console.error(`this failed (${error instanceof Error ? error.name : 'unknown'})${hint}`);
  return typedWrongly ? 2 : 1;
}

function isUnknownOption(error: unknown): error is Error {
  return error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

/** Whoever reads on may have read enough: that is no failure of the command. */
function outputLost(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  console.error('the output cannot be written');
  process.exit(1);
}
