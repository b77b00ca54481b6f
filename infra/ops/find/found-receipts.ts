import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { OpsContext } from '../context.ts';
import { shortId } from '../ids.ts';
import { shortName } from '../receipts.ts';
import { notLookedUpText } from '../show/audit-report.ts';
import { isoSeconds, type Output, tableLines } from '../terminal.ts';

/** A receipt of the person, with its times in epoch milliseconds. */
export interface Found {
  readonly at: number;
  readonly endedAt: number | undefined;
  readonly row: Awaited<ReturnType<typeof findRow>>;
}

/** Returns the facts of one receipt, without any identifier of the person. */
export async function foundReceipt(receipt: Receipt, context: Pick<OpsContext, 'store'>): Promise<Found> {
  return { at: receipt.receivedAt, endedAt: receipt.closedAt, row: await findRow(receipt, context) };
}

/** Prints the answer, the receipts, and what the search could not find. */
export function printFound(found: readonly Found[], hints: readonly string[], output: Output): void {
  const answer = findSummary(found);
  const rows = found.map(({ row }) => row);
  if (output.json) output.printJson({ answer, receipts: rows, hints });
  else {
    output.print(answer, indent);
    for (const line of formatTable(rows, output.columns)) output.print(line);
    for (const line of [...rows.flatMap(remarksOn), ...hints]) output.print(line, indent);
  }
}

const indent = 2;

/** Says which customers of the person may exist: not looked up, created after the request, or after the erasure. */
function remarksOn(row: Found['row']): readonly string[] {
  const { receipt, notLookedUp = [], createdLater = 0, stillPresent = false, reappearedAt } = row;
  return [
    ...(notLookedUp.length === 0 ? [] : [`${receipt}: ${notLookedUpText} ${notLookedUp.join(', ')}`]),
    ...(createdLater === 0
      ? []
      : [`${receipt}: customers created after the request, which were not deleted: at least ${createdLater}`]),
    ...(stillPresent
      ? [`${receipt}: Voucherify STILL RETURNED a deleted customer an hour or more after the deletion ("show")`]
      : []),
    ...(reappearedAt === undefined
      ? []
      : [`${receipt}: a customer with these identifiers appeared again, last on ${reappearedAt} ("show" lists all)`]),
  ];
}

const header = ['RECEIPT', 'PLATFORM', 'RECEIVED', 'OUTCOME', 'CLOSED', 'PROOF', 'SIGNED'];

function formatTable(rows: readonly Found['row'][], columns: number | undefined): readonly string[] {
  if (rows.length === 0) return [];
  if (columns !== undefined) return formatShortTable(rows, columns);
  const cells = rows.map(row => [
    ...[row.receipt, row.platform, row.receivedAt, row.outcome, row.closedAt ?? '-'],
    proofText(row.proof),
    row.signed ? 'yes' : 'no',
  ]);
  return tableLines(header, cells);
}

/** For a terminal: ids, days and platforms are short, and the signature is part of the proof. */
function formatShortTable(rows: readonly Found['row'][], columns: number): readonly string[] {
  const ids = rows.map(({ receipt }) => receipt);
  const cells = rows.map(({ receipt, platform, receivedAt, outcome, closedAt = '-', proof, signed }) => [
    shortId(receipt, ids),
    shortName(platform),
    receivedAt.slice(0, 10),
    outcome,
    closedAt.slice(0, 10),
    `${proofText(proof)}${signed ? '' : ', unsigned'}`,
  ]);
  return tableLines(header.slice(0, -1), cells, columns);
}

function proofText({ deleted, gone }: Found['row']['proof']): string {
  const parts = [...(deleted > 0 ? [`deleted ${deleted}`] : []), ...(gone > 0 ? [`gone ${gone}`] : [])];
  return parts.length === 0 ? '-' : parts.join(', ');
}

/** Answers "did you erase this person?" in one line, from all receipts found. */
function findSummary(found: readonly Found[]): string {
  if (found.length === 0) return 'not found: no erasure request with this identifier in the last 25 months';
  const erased = found.filter(({ row }) => row.outcome === 'erased');
  const open = found.filter(({ row }) => !isFinal(row.outcome));
  const others = found.filter(({ row }) => isFinal(row.outcome) && row.outcome !== 'erased');
  const last = erased.reduce((latest, { endedAt = 0 }) => Math.max(latest, endedAt), 0);
  const parts = [
    ...(erased.length === 0 ? [] : [`erased ${timesText(erased.length)}, last on ${isoSeconds(last)}`]),
    ...(open.length === 0 ? [] : [`requested ${timesText(open.length)}, not finished`]),
    ...(others.length === 0 ? [] : [`requested ${timesText(others.length)}, closed as ${outcomesOf(others)}`]),
  ];
  return parts.join('; ');
}

async function findRow(receipt: Receipt, { store }: Pick<OpsContext, 'store'>) {
  const { id, platform, receivedAt, state, closedAt, projects, evidence, notLookedUp, verification } = receipt;
  const createdLater = Object.values(projects).reduce((sum, project) => sum + (project.createdLater ?? 0), 0);
  const deletions = Object.values(projects).flatMap(progress => progress.deletions);
  const count = (grade: string) => deletions.filter(({ proof }) => proof === grade).length;
  const reappearedAt = (await store.addendaOf(id)).map(({ occurredAt }) => occurredAt);
  return {
    receipt: id,
    platform,
    receivedAt: isoSeconds(receivedAt),
    outcome: state,
    ...(closedAt === undefined ? {} : { closedAt: isoSeconds(closedAt) }),
    proof: { deleted: count('deleted'), gone: count('gone') },
    signed: evidence !== undefined,
    ...(notLookedUp === undefined ? {} : { notLookedUp }),
    ...(createdLater === 0 ? {} : { createdLater }),
    ...(verification?.result === 'stillPresent' ? { stillPresent: true } : {}),
    ...(reappearedAt.length === 0 ? {} : { reappearedAt: isoSeconds(Math.max(...reappearedAt)) }),
  };
}

function timesText(count: number): string {
  return count === 1 ? '1 time' : `${count} times`;
}

function outcomesOf(found: readonly Found[]): string {
  return [...new Set(found.map(({ row }) => row.outcome))].toSorted().join(' and ');
}
