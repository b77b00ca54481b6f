import type { Receipt, ReceiptQueue } from '../../lambda/receipts/receipt.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command, OpsContext } from './context.ts';
import { tableProblems } from './deployment.ts';
import { readReceipts } from './receipts.ts';
import { isoSeconds, type Output, tableLines, toned } from './terminal.ts';

export const restoreCheckCommand: Command = {
  summary: 'check a restored table, and find receipts without their data',
  options: { set: { type: 'boolean' } },
  help: `npm run ops -- restore-check [--set]

Run this after a restore from a backup (RUNBOOK.md#restoring-a-table). It checks
what a restored table lacks: TTL, point-in-time recovery and deletion
protection. Then it lists the receipts that are open again although their
identifiers were deleted when they were closed. The sweep finds these and moves
them to review; this command cannot read identifiers.

For each listed receipt, look up its outcome in your exported evidence:
  erased before    refuse it, and name the evidence in --why
  not known        ask the platform to send a new request, then refuse it

  --set           set TTL, point-in-time recovery and deletion protection where
                  they are missing. The operator's policy does not allow this:
                  use the credentials of a deployment

  npm run ops -- restore-check --set
  npm run ops -- refuse RECEIPT --why "erased before the restore, see evidence"

Exit code 0: nothing to do; 1: a table or a receipt needs attention.
`,
  run: restoreCheck,
};

async function restoreCheck(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (args.positionals.length > 0) throw new OpsUsageError('restore-check: takes options only, no arguments');
  const tables = await checkTables(context, args.isSet('set'));
  const receipts = [];
  for await (const one of readQueue('needs-review', context, output))
    if (lostReasons.includes(one.reason ?? '')) receipts.push(rowOf(one));
  let open = 0;
  for await (const _ of readQueue('erase', context, output)) open += 1;
  const result = { tables, receipts, open };
  if (output.json) output.printJson(result);
  else for (const line of formatResult(result, output.columns)) output.print(line);
  return receipts.length > 0 || tables.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

/** Review reasons of a receipt whose personal data is missing. */
const lostReasons: readonly string[] = ['identifiers-missing', 'pins-missing'];

/** Reads the state of the tables; with `set`, protects them first. Returns nothing for a local run. */
async function checkTables({ tables, protectTables }: OpsContext, set: boolean) {
  if (tables === undefined) return [];
  const found = await tables();
  if (set) await protectTables?.(found);
  return (set ? await tables() : found).map(table => ({ table: table.name, problems: tableProblems(table) }));
}

/** Most receipts read from a queue. */
const maxReceipts = 1000;

async function* readQueue(queue: ReceiptQueue, { store }: OpsContext, output: Output): AsyncIterable<Receipt> {
  const ids = await store.due(queue, Number.MAX_SAFE_INTEGER, maxReceipts);
  for await (const receipt of readReceipts(ids, store, output)) if (receipt.queue === queue) yield receipt;
}

function rowOf({ id, platform, receivedAt, reason = '' }: Receipt) {
  return { receipt: id, platform, receivedAt: isoSeconds(receivedAt), reason };
}

interface RestoreResult {
  readonly tables: readonly { readonly table: string; readonly problems: readonly string[] }[];
  readonly receipts: readonly ReturnType<typeof rowOf>[];
  readonly open: number;
}

function formatResult({ tables, receipts, open }: RestoreResult, columns: number | undefined): readonly string[] {
  const cells = receipts.map(row => [row.receipt, row.platform, row.receivedAt, row.reason]);
  return [
    ...tables.map(({ table, problems }) =>
      problems.length === 0
        ? `${toned('good', '✓')} ${table}: protected`
        : `${toned('bad', '✗')} ${table}: ${problems.join(', ')}: run restore-check --set`,
    ),
    ...(receipts.length === 0
      ? ['no receipt in review lacks its personal data']
      : tableLines(['RECEIPT', 'PLATFORM', 'RECEIVED', 'REASON'], cells, columns)),
    ...(open === 0
      ? []
      : [`${open} open: the sweep checks each at its next attempt, within an hour; then run this again`]),
  ];
}
