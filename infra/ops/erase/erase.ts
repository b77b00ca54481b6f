import { userInfo } from 'node:os';
import { decisionOptions, OpsUsageError, type ParsedArgs, reasonFor } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { identifierOptions } from '../identifiers.ts';
import { readIdentifiers } from '../read-identifiers.ts';
import { eraseFile } from './erase-file.ts';
import { eraseOne } from './erase-one.ts';
import { maxPeople } from './people-file.ts';
import type { AskedBy } from './requests.ts';

export const eraseCommand: Command = {
  summary: 'erase a person by hand, or the people of a file',
  options: {
    ...Object.fromEntries(identifierOptions.map(([, option]) => [option, { type: 'string' } as const])),
    csv: { type: 'string' },
    confirm: { type: 'boolean' },
    why: decisionOptions.why,
  },
  help: `npm run ops -- erase --source-id - | --email - | --customer-id - --why "…"
npm run ops -- erase --csv FILE [--confirm --why "…"]

For a letter, a telephone call, or a platform without a webhook. A request by
hand gets a receipt, guards, limits and evidence like any other. Its platform is
"manual". The receipt names you (on AWS your ARN) and your reason. A permanent
deletion also removes the customer's orders and events, and cannot be undone.

One person: the value is asked for and not shown, or it is read from standard
input. It is never an argument, which the shell's history would store. Several
options are identifiers of the same person. Exit code 0: erased, or accepted and
not finished yet; 3: no customer matched; 1: anything else, which is explained.

A file: without --confirm it is a preview, which looks up everybody in every
project and deletes nothing. With --confirm every line is accepted, and the
sweep erases. The same command continues what was interrupted. A file that was
accepted is not taken again: its results are shown, with exit code 3.

  -                 the only value of an identifier: ask for it
  --csv FILE        a header with source_id, email, customer_id (one or more of
                    them) and one line for each person, at most ${maxPeople}
  --confirm         erase the people of the file
  --why TEXT        the reason, stored and signed. Do not write personal data

You need the policies OperatorPolicy and ManualErasurePolicy. With --local,
npm start must be running.

  npm run ops -- erase --email - --why "letter of 12 November"
  npm run ops -- erase --csv people.csv
  npm run ops -- erase --csv people.csv --confirm --why "backlog of 2025"
`,
  showsIdentity: true,
  run: (args, context, output) => {
    const file = args.text('csv');
    const isOne = identifierOptions.some(([, option]) => args.text(option) !== undefined);
    if (args.positionals.length > 0) throw new OpsUsageError('erase: takes options only, no arguments');
    if (isOne === (file !== undefined))
      throw new OpsUsageError('erase: give identifiers such as --email -, or --csv FILE');
    if (file !== undefined)
      return eraseFile(file, args.isSet('confirm') ? () => askedBy(args, context) : undefined, { context, output });
    if (args.isSet('confirm')) throw new OpsUsageError('--confirm: is only for --csv');
    return eraseOne(
      () => readIdentifiers(args),
      () => askedBy(args, context),
      { context, output },
    );
  },
};

/** Who asks is the caller of AWS, as AWS knows it, or the user of this machine for a local run. */
async function askedBy(args: ParsedArgs, { deployment }: OpsContext): Promise<AskedBy> {
  const reason = reasonFor(args);
  return { by: deployment === undefined ? userInfo().username : (await deployment.identity()).operator, reason };
}
