import { OpsUsageError } from './args.ts';
import type { OfflineCommand } from './context.ts';
import { executableName } from './terminal.ts';

/** The parts of a command that a shell completes. */
type CommandTable = Readonly<Record<string, Pick<OfflineCommand, 'summary' | 'options'>>>;

const shells = ['bash', 'zsh', 'fish'] as const;

/** Returns the command that prints a completion script. It completes the commands of this table, and itself. */
export function completionCommand(table: () => CommandTable, commonOptions: readonly string[]): OfflineCommand {
  return {
    summary: 'print a script that completes commands in your shell',
    options: {},
    help: `npm run ops -- completion bash|zsh|fish

Prints a script for your shell, which completes commands and options. In the
repository it also defines the command ops, which runs the tool without the
lines that npm prints.

  eval "$(npm run -s ops -- completion bash)"
  npm run -s ops -- completion fish | source
`,
    runOffline: async ({ positionals }, output) => {
      const shell = shells.find(one => one === positionals[0]);
      if (shell === undefined || positionals.length > 1)
        throw new OpsUsageError('completion: must be bash, zsh or fish');
      const script = { table: table(), commonOptions, name: executableName() ?? 'ops' };
      output.print(shell === 'fish' ? fishScript(script) : bashScript(script, shell === 'zsh'));
      return 0;
    },
  };
}

interface ScriptInput {
  readonly table: CommandTable;
  readonly commonOptions: readonly string[];
  /** The command that is completed. */
  readonly name: string;
}

/** In the repository the command runs the tool's script of package.json. */
function wrapper(command: string): string {
  return `npm run -s --prefix "${process.cwd()}" ops -- ${command}`;
}

function optionsOf(options: object, common: readonly string[]): readonly string[] {
  return [...Object.keys(options), ...common].map(option => `--${option}`);
}

function bashScript({ table, commonOptions, name }: ScriptInput, isZsh: boolean): string {
  const cases = Object.entries(table).map(
    ([command, { options }]) => `    ${command}) words="${optionsOf(options, commonOptions).join(' ')}" ;;`,
  );
  return [
    ...(isZsh ? ['autoload -U +X compinit && compinit', 'autoload -U +X bashcompinit && bashcompinit'] : []),
    ...(executableName() === undefined ? [`${name}() { ${wrapper('"$@"')}; }`] : []),
    '_erasure_ops() {',
    `  local words="${Object.keys(table).join(' ')}"`,
    `  if [ "$COMP_CWORD" -gt 1 ]; then case "\${COMP_WORDS[1]}" in`,
    ...cases,
    '    *) words="" ;;',
    '  esac; fi',
    `  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    '}',
    `complete -o default -F _erasure_ops ${name}`,
  ].join('\n');
}

function fishScript({ table, commonOptions, name }: ScriptInput): string {
  const lines = Object.entries(table).flatMap(([command, { summary, options }]) => [
    `complete -c ${name} -n __fish_use_subcommand -f -a ${command} -d '${summary.replaceAll("'", "\\'")}'`,
    ...optionsOf(options, commonOptions).map(
      option => `complete -c ${name} -n '__fish_seen_subcommand_from ${command}' -l ${option.slice(2)}`,
    ),
  ]);
  const own = executableName() === undefined ? [`function ${name}`, `  ${wrapper('$argv')}`, 'end'] : [];
  return [...own, ...lines].join('\n');
}
