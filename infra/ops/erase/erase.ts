import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { Failure } from '../../../lambda/domain/failure.ts';
import { outcomeOf, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { ManualRequest } from '../../../lambda/request/receive-manual.ts';
import { decisionOptions, OpsUsageError, type ParsedArgs, reasonFor } from '../args.ts';
import type { Command, OpsContext } from '../context.ts';
import { identifierOptions } from '../identifiers.ts';
import { readIdentifiers } from '../read-identifiers.ts';
import { reasonOf } from '../receipts.ts';
import { nextStepFor } from '../show/receipt-view.ts';
import { type Output, toned } from '../terminal.ts';
import { eraseFile, maxPeople } from './erase-file.ts';
import { type AskedBy, type EraseInput, receiptIds, senderOf } from './requests.ts';

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

/** Erases one person, and prints the result. Returns the exit code. */
export async function eraseOne(
  readIdentifiers: () => Promise<ManualRequest['identifiers']>,
  askedBy: () => Promise<AskedBy>,
  { context, output }: EraseInput,
): Promise<number> {
  const send = senderOf(context);
  const asked = await askedBy();
  const request = { reference: randomUUID(), identifiers: await readIdentifiers() };
  const [id = ''] = await receiptIds([request], context);
  await send({ action: 'erase', requests: [request], ...asked }).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.code !== 'unavailable') throw error;
    throw new Failure('unavailable', `${error.message}: whether it was accepted shows npm run ops -- show ${id}`);
  });
  const receipt = await context.store.read(id);
  if (receipt === undefined) throw new Failure('not-found', 'the receipt was not found: check --stage and the region');
  return printResult(receipt, context, output);
}

async function printResult(receipt: Receipt, context: OpsContext, output: Output): Promise<number> {
  const { kind } = outcomeOf(receipt, context.now());
  const deleted = Object.entries(receipt.projects).map(([name, { deletions }]) => [name, deletions.length] as const);
  const { facts, commands } = await nextStepFor(receipt, context);
  const next = commands.length === 0 ? [`npm run ops -- show ${receipt.id}`] : commands;
  if (output.json) {
    const reason = kind === 'needs-review' ? { reason: reasonOf(receipt) } : {};
    output.printJson({ receipt: receipt.id, outcome: kind, ...reason, deleted: Object.fromEntries(deleted), next });
  } else {
    const { tone, text } = results[kind];
    const where = deleted.filter(([, count]) => count > 0).map(([name, count]) => `${name} ${count}`);
    const detail = kind === 'needs-review' ? reasonOf(receipt) : kind === 'erased' ? where.join(', ') : '';
    output.print(`${toned(tone, text)}${detail === '' ? '' : ` (${detail})`}`, 2);
    output.print(`receipt ${receipt.id}`);
    for (const line of facts) output.print(line, 2);
    for (const command of next) output.print(`  ${command}`);
  }
  return results[kind].exitCode;
}

const results = {
  erased: { exitCode: 0, tone: 'good', text: 'erased: permanently deleted, with proof' },
  'in-progress': { exitCode: 0, tone: 'warning', text: 'in progress: accepted, and the sweep finishes it' },
  'no-match': { exitCode: 3, tone: 'warning', text: 'no match: no customer has exactly this identifier' },
  'needs-review': { exitCode: 1, tone: 'bad', text: 'needs review: no customer is deleted until an operator decides' },
  'not-identifiable': { exitCode: 1, tone: 'bad', text: 'not identifiable: Voucherify cannot look this identifier up' },
  'created-later': { exitCode: 1, tone: 'bad', text: 'spared: every customer found was created after the request' },
  refused: { exitCode: 1, tone: 'bad', text: 'refused by an operator' },
} as const;
