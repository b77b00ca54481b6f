import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values = Readonly<Record<string, unknown>>;

/**
 * Runs a command with its options and `--help`. Exit code 2 for unknown options; 1 and one line for an error; otherwise
 * the command's own exit code.
 */
export async function runTool(help: string, options: Options, run: (values: Values) => Promise<number>): Promise<void> {
  const values = parseOptions(options);
  if (values === undefined) {
    process.stderr.write(help);
    process.exitCode = 2;
  } else if (values['help'] === true) {
    process.stdout.write(help);
  } else {
    process.exitCode = await run(values).catch(printError);
  }
}

function parseOptions(options: Options): Values | undefined {
  try {
    return parseArgs({ options: { ...options, help: { type: 'boolean' } } }).values;
  } catch {
    return undefined;
  }
}

function printError(error: unknown): number {
  console.error(error instanceof Error ? error.message : 'an error without a message');
  return 1;
}
