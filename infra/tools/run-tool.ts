import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values = Readonly<Record<string, unknown>>;
type Run = (values: Values, positionals: readonly string[]) => Promise<number>;

/**
 * Runs a command with its options, its other arguments and `--help`. Exit code 2 for unknown options; 1 and one line
 * for an error; otherwise the command's own exit code.
 */
export async function runTool(help: string, options: Options, run: Run, allowPositionals = false): Promise<void> {
  const parsed = parseOptions(options, allowPositionals);
  if (parsed === undefined) {
    process.stderr.write(help);
    process.exitCode = 2;
  } else if (parsed.values['help'] === true) {
    process.stdout.write(help);
  } else {
    process.exitCode = await run(parsed.values, parsed.positionals).catch(printError);
  }
}

function parseOptions(options: Options, allowPositionals: boolean) {
  try {
    return parseArgs({ options: { ...options, help: { type: 'boolean' } }, allowPositionals });
  } catch {
    return undefined;
  }
}

function printError(error: unknown): number {
  console.error(error instanceof Error ? error.message : 'an error without a message');
  return 1;
}
