import { commonOptions } from './args.ts';
import { completionCommand } from './completion.ts';
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
import { wrapLine } from './terminal.ts';
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
  completion: completionCommand(() => commands, Object.keys(commonOptions)),
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
