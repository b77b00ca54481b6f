import { commonOptions, OpsUsageError } from './args.ts';
import type { Command, OfflineCommand } from './context.ts';
import { acceptPartialCommand, eraseAgainCommand, refuseCommand, retryCommand } from './decide.ts';
import { doctorCommand } from './doctor/doctor.ts';
import { eraseCommand } from './erase/erase.ts';
import { explainCommand } from './explain.ts';
import { exportCommand } from './export.ts';
import { findCommand } from './find.ts';
import { holdCommand, holdsCommand, releaseCommand } from './holds.ts';
import { initCommand } from './init.ts';
import { listCommand } from './list.ts';
import { pauseCommand, pausesCommand, resumeCommand } from './pause.ts';
import { previewCommand } from './preview.ts';
import { recipesCommand } from './recipes.ts';
import { reportCommand } from './report/report.ts';
import { restoreCheckCommand } from './restore-check.ts';
import { secretCommand } from './secret.ts';
import { showCommand } from './show/show.ts';
import { tryCommand } from './smoke/smoke-test.ts';
import { executableName, wrapLine } from './terminal.ts';
import { jwksCommand, verifyCommand } from './verify.ts';

/** One line for each command. */
export const commands: Readonly<Record<string, Command | OfflineCommand>> = {
  init: initCommand,
  secret: secretCommand,
  list: listCommand,
  show: showCommand,
  find: findCommand,
  preview: previewCommand,
  erase: eraseCommand,
  retry: retryCommand,
  refuse: refuseCommand,
  'accept-partial': acceptPartialCommand,
  'erase-again': eraseAgainCommand,
  pause: pauseCommand,
  resume: resumeCommand,
  pauses: pausesCommand,
  hold: holdCommand,
  holds: holdsCommand,
  release: releaseCommand,
  report: reportCommand,
  export: exportCommand,
  jwks: jwksCommand,
  verify: verifyCommand,
  doctor: doctorCommand,
  try: tryCommand,
  explain: explainCommand,
  recipes: recipesCommand,
  'restore-check': restoreCheckCommand,
  completion: completionCommand(),
};

export const commonHelp = `  --stage NAME    the stage, as deployed with -c stage=NAME
  --settings FILE the deployed settings; the default is infra/settings.json, or
                  the settings of the running function if this file is missing
  --local         use the store of npm start (in DATA_DIR), not AWS
  --json          JSON output for scripts
  --help          options and examples of a command; alone, this page
  --version       the version, without a command
`;

/** Returns the help of the tool, with one line for each command. */
export function overview(): string {
  const width = Math.max(...Object.keys(commands).map(({ length }) => length));
  const lines = Object.entries(commands).flatMap(([name, { summary }]) =>
    wrapLine(`  ${name.padEnd(width)}  ${summary}`, width + 4),
  );
  return `The operator's tool. It uses your own AWS credentials, and no command shows an
identifier of a person.

  npm run ops -- COMMAND [...]

${lines.join('\n')}

${commonHelp}
Exit codes: 0 done, 1 something is wrong, 2 usage error, 3 nothing to change.
`;
}

const shells = ['bash', 'zsh', 'fish'] as const;

/** Returns the command that prints a completion script. It completes every command, also itself. */
function completionCommand(): OfflineCommand {
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
      const name = executableName() ?? 'ops';
      output.print(shell === 'fish' ? fishScript(name) : bashScript(name, shell === 'zsh'));
      return 0;
    },
  };
}

/** In the repository the command runs the tool's script of package.json. */
function wrapper(command: string): string {
  return `npm run -s --prefix "${process.cwd()}" ops -- ${command}`;
}

function optionsOf(options: object): readonly string[] {
  return Object.keys({ ...options, ...commonOptions }).map(option => `--${option}`);
}

/** `name` is the command that is completed. */
function bashScript(name: string, isZsh: boolean): string {
  const cases = Object.entries(commands).map(
    ([command, { options }]) => `    ${command}) words="${optionsOf(options).join(' ')}" ;;`,
  );
  return [
    ...(isZsh ? ['autoload -U +X compinit && compinit', 'autoload -U +X bashcompinit && bashcompinit'] : []),
    ...(executableName() === undefined ? [`${name}() { ${wrapper('"$@"')}; }`] : []),
    '_erasure_ops() {',
    `  local words="${Object.keys(commands).join(' ')}"`,
    `  if [ "$COMP_CWORD" -gt 1 ]; then case "\${COMP_WORDS[1]}" in`,
    ...cases,
    '    *) words="" ;;',
    '  esac; fi',
    `  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    '}',
    `complete -o default -F _erasure_ops ${name}`,
  ].join('\n');
}

function fishScript(name: string): string {
  const lines = Object.entries(commands).flatMap(([command, { summary, options }]) => [
    `complete -c ${name} -n __fish_use_subcommand -f -a ${command} -d '${summary.replaceAll("'", "\\'")}'`,
    ...optionsOf(options).map(
      option => `complete -c ${name} -n '__fish_seen_subcommand_from ${command}' -l ${option.slice(2)}`,
    ),
  ]);
  const own = executableName() === undefined ? [`function ${name}`, `  ${wrapper('$argv')}`, 'end'] : [];
  return [...own, ...lines].join('\n');
}
