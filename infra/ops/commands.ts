import type { Command } from './command.ts';
import { refuseCommand, retryCommand } from './decide/decide.ts';
import { doctorCommand } from './doctor/doctor.ts';
import { findCommand } from './find.ts';
import { jwksCommand } from './jwks.ts';
import { listCommand } from './list.ts';
import { pauseCommand, pausesCommand, resumeCommand } from './pause.ts';
import { reportCommand } from './report/report.ts';
import { showCommand } from './show/show.ts';
import { tryCommand } from './smoke/smoke-test.ts';

/** The table: one line a command. */
export const commands: Readonly<Record<string, Command>> = {
  list: listCommand,
  show: showCommand,
  find: findCommand,
  retry: retryCommand,
  refuse: refuseCommand,
  pause: pauseCommand,
  resume: resumeCommand,
  pauses: pausesCommand,
  report: reportCommand,
  jwks: jwksCommand,
  doctor: doctorCommand,
  try: tryCommand,
};

export const commonHelp = `  --stage NAME    the stage that was deployed with -c stage=NAME
  --settings FILE the settings that were deployed, if not infra/settings.json
  --local         the store of npm start (in DATA_DIR) instead of AWS
  --json          for scripts
  --help          what a command takes, with examples
`;

/** All commands, a line each. */
export function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`);
  return `The operator's tool. It works with your own AWS credentials, and no command can show an identifier.

  npm run ops -- COMMAND [...]

${lines.join('\n')}

${commonHelp}
Exit codes: 0 done, 1 something is wrong, 2 typed wrongly, 3 nothing had to be changed.
`;
}
