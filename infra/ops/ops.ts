#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { errorNameOf } from '../../lambda/aws/clients.ts';
import { Failure } from '../../lambda/domain/failure.ts';
import { didYouMean } from '../../lambda/domain/names.ts';
import { version } from '../../lambda/domain/version.ts';
import { parseSettings, type Settings, SettingsError } from '../../lambda/settings.ts';
import { UsageError } from '../local/index.ts';
import { isStage, type Names, namesOf } from '../stack/names.ts';
import type { ParsedArgs } from './args.ts';
import { OpsUsageError, parseCommandArgs, targetOptions } from './args.ts';
import { commands, commonHelp, overview } from './commands.ts';
import { deployedContext, localContext, type OpsContext } from './context.ts';
import { identityText, readDeployment } from './deployment.ts';
import { defaultSettingsFile } from './packaged-files.ts';
import { asInvoked, processOutput } from './terminal.ts';

const [name = '--help', ...rest] = process.argv.slice(2);
process.stdout.on('error', handleOutputError);
/** Repeated in suggested commands. */
let target = '';
/** The usual causes when a deployment cannot be reached. */
const hint = rest.includes('--local')
  ? ''
  : ': check credentials, region and --stage, or run npm run ops -- doctor. For npm start, add --local after ops --';
process.exitCode = await main().catch(reportError);

async function main(): Promise<number> {
  if (name === '--help' || name === 'help') {
    process.stdout.write(asInvoked(overview()));
    return process.argv.length > 2 ? 0 : 2;
  }
  if (name === '--version') {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new OpsUsageError(unknownCommand());
  const args = parseCommandArgs(command, rest);
  if (args.isSet('help')) {
    process.stdout.write(asInvoked(`${command.help}\n${commonHelp}`));
    return 0;
  }
  target = targetOptions(args);
  const output = processOutput(args.isSet('json'), target);
  if ('runOffline' in command) return command.runOffline(args, output);
  const context = await openContext(args);
  try {
    if ('why' in command.options || command.showsIdentity) await printIdentity(context);
    return await command.run(args, context, output);
  } finally {
    context.close();
  }
}

/** Never repeats the name: it could be an identifier of a person. */
function unknownCommand(): string {
  const hint = didYouMean(name, Object.keys(commands)) || ';';
  return `unknown command${hint} npm run ops -- --help lists all commands`;
}

/** Before a decision, shows where it is written and by whom. If AWS is unavailable, the command itself says so. */
async function printIdentity({ deployment, names }: OpsContext): Promise<void> {
  const identity = await deployment?.identity().catch(() => undefined);
  if (identity !== undefined) processOutput(false).warn(identityText(identity, names));
}

async function openContext(args: ParsedArgs): Promise<OpsContext> {
  if (args.isSet('local')) return localContext({ ...process.env, ...withSettings(args) });
  const stage = args.text('stage');
  if (stage !== undefined && !isStage(stage))
    throw new OpsUsageError('--stage: must be a valid stage name, such as the deployed one');
  const names = namesOf(stage);
  const settings = await readSettings(args, names);
  return deployedContext(settings, names);
}

/** Reads the settings file; where there is none, such as outside the repository, the settings of the running function. */
async function readSettings(args: ParsedArgs, names: Names): Promise<Settings> {
  const file = args.text('settings');
  // Only with an emulator may the settings name a local address.
  const where = process.env['AWS_ENDPOINT_URL'] === undefined ? 'deployed' : 'local';
  if (file !== undefined || existsSync(defaultSettingsFile))
    return parseSettings(read(file ?? defaultSettingsFile), where);
  return readDeployment(names)
    .settings()
    .catch((error: unknown) => {
      throw new Failure(
        'unavailable',
        `the settings of ${names.prefix}-webhook cannot be read (${errorNameOf(error)})`,
      );
    });
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
  const isUsageError = error instanceof OpsUsageError || error instanceof UsageError;
  processOutput(false, target).warn(errorText(error, isUsageError));
  return isUsageError ? 2 : 1;
}

function errorText(error: unknown, isUsageError: boolean): string {
  if (error instanceof Error && (isUsageError || error instanceof SettingsError)) return error.message;
  if (error instanceof Failure) return `${error.message}${error.code === 'unavailable' ? hint : ''}`;
  return `failed (${error instanceof Error ? error.name : 'unknown'})${hint}`;
}

/** A reader such as `head` may close the pipe early; this is not a failure. */
function handleOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  console.error('cannot write the output');
  process.exit(1);
}
