import { randomUUID } from 'node:crypto';
import { Failure } from '../../../lambda/domain/failure.ts';
import { outcomeOf, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { ManualRequest } from '../../../lambda/request/receive-manual.ts';
import type { OpsContext } from '../context.ts';
import { reasonOf } from '../receipts.ts';
import { nextStepFor } from '../show/next-step.ts';
import { type Output, toned } from '../terminal.ts';
import { type AskedBy, type EraseInput, receiptIds, senderOf } from './requests.ts';

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
