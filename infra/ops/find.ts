import type { IdentifierKind } from '../../lambda/domain/erasure.ts';
import { pepperName } from '../../lambda/domain/names.ts';
import { createPseudonymizer } from '../../lambda/receipts/hmac.ts';
import { isFinal, type Receipt } from '../../lambda/receipts/receipt.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command } from './command.ts';
import type { OpsContext } from './context.ts';
import { readReceipts } from './receipts.ts';
import { notLookedUpText } from './show/audit-report.ts';
import { inputLines, isoSeconds, type Output, tableLines } from './terminal.ts';

const kinds: Readonly<Record<string, IdentifierKind>> = {
  email: 'email',
  'source-id': 'source_id',
  'customer-id': 'customer_id',
  phone: 'phone',
};

export const findCommand: Command = {
  summary: 'find out whether and when a person was erased, and with what proof',
  options: Object.fromEntries(Object.keys(kinds).map(option => [option, { type: 'string' } as const])),
  help: `npm run ops -- find --email - | --source-id - | --customer-id - | --phone -

Finds the receipts of a person, to answer "did you erase this person?".
Receipts contain keyed hashes (HMACs) and no identifiers. This command computes
the hash again, and never prints or stores the value. With several identifiers,
it finds receipts of any of them. It covers requests received in the last
25 months. Exit code 0: found; 1: not found.

  -               read the value from standard input: type it and press Enter.
                  It is not stored in the shell's history
  VALUE           the value itself; the shell's history stores it

E-mail addresses match in any spelling (letter case, normal form, Punycode,
spaces around them). All other values must match exactly.

  npm run ops -- find --email -
  npm run ops -- find --source-id - < value.txt
  npm run ops -- find --customer-id - --json
`,
  run: find,
};

async function find(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  const identifiers = await readIdentifiers(args);
  const hmacs = createPseudonymizer(await context.readSecret(pepperName));
  const ids = await Promise.all(identifiers.map(identifier => context.store.find(hmacs.subject(identifier))));
  // Of each receipt, only what is shown stays in memory.
  const found: Found[] = [];
  for await (const receipt of readReceipts([...new Set(ids.flat())], context.store, output))
    found.push({ at: receipt.receivedAt, endedAt: receipt.closedAt, row: await findRow(receipt, context) });
  print(
    found.toSorted((a, b) => a.at - b.at),
    output,
  );
  return found.length === 0 ? 1 : 0;
}

/** A receipt of the person, with its times in epoch milliseconds. */
interface Found {
  readonly at: number;
  readonly endedAt: number | undefined;
  readonly row: Awaited<ReturnType<typeof findRow>>;
}

async function readIdentifiers(args: ParsedArgs) {
  if (args.positionals.length > 0) throw new OpsUsageError('find: takes options only, no arguments');
  const given = Object.entries(kinds).flatMap(([option, kind]) => {
    const value = args.text(option);
    return value === undefined ? [] : [{ option, kind, value }];
  });
  if (given.length === 0) throw new OpsUsageError('find: give an identifier, such as --email -');
  if (given.filter(({ value }) => value === '-').length > 1)
    throw new OpsUsageError('find: only one value can be read from standard input');
  return Promise.all(given.map(async ({ option, kind, value }) => ({ kind, value: await readValue(option, value) })));
}

async function readValue(option: string, given: string): Promise<string> {
  const value = given === '-' ? await readFirstLine() : given;
  if (value.trim() === '') throw new OpsUsageError(`--${option}: is empty`);
  return value;
}

async function readFirstLine(): Promise<string> {
  for await (const line of inputLines()) return line;
  return '';
}

const header = ['RECEIPT', 'PLATFORM', 'RECEIVED', 'OUTCOME', 'CLOSED', 'PROOF', 'SIGNED'];

function print(found: readonly Found[], output: Output): void {
  const answer = findSummary(found);
  const rows = found.map(({ row }) => row);
  if (output.json) output.printJson({ answer, receipts: rows });
  else for (const line of [answer, ...formatTable(rows), ...rows.flatMap(remarksOn)]) output.print(line);
}

/** Says which customers of the person may exist: not looked up, created after the request, or after the erasure. */
function remarksOn({ receipt, notLookedUp = [], createdLater = 0, reappearedAt }: Found['row']): readonly string[] {
  return [
    ...(notLookedUp.length === 0 ? [] : [`${receipt}: ${notLookedUpText} ${notLookedUp.join(', ')}`]),
    ...(createdLater === 0
      ? []
      : [`${receipt}: customers created after the request, which were not deleted: at least ${createdLater}`]),
    ...(reappearedAt === undefined
      ? []
      : [`${receipt}: a customer with these identifiers appeared again, last on ${reappearedAt} ("show" lists all)`]),
  ];
}

function formatTable(rows: readonly Found['row'][]): readonly string[] {
  const cells = rows.map(row => [
    ...[row.receipt, row.platform, row.receivedAt, row.outcome, row.closedAt ?? '-'],
    proofText(row.proof),
    row.signed ? 'yes' : 'no',
  ]);
  return cells.length === 0 ? [] : tableLines(header, cells);
}

function proofText({ deleted, gone }: Found['row']['proof']): string {
  const parts = [...(deleted > 0 ? [`deleted ${deleted}`] : []), ...(gone > 0 ? [`gone ${gone}`] : [])];
  return parts.length === 0 ? '-' : parts.join(', ');
}

/** Answers "did you erase this person?" in one line, from all receipts found. */
function findSummary(found: readonly Found[]): string {
  if (found.length === 0) return 'no match: no erasure request with this identifier in the last 25 months';
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

/** Returns the facts of one receipt, without any identifier of the person. */
async function findRow(receipt: Receipt, { store }: OpsContext) {
  const { id, platform, receivedAt, state, closedAt, projects, evidence, notLookedUp } = receipt;
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
    ...(reappearedAt.length === 0 ? {} : { reappearedAt: isoSeconds(Math.max(...reappearedAt)) }),
  };
}

function timesText(count: number): string {
  return count === 1 ? '1 time' : `${count} times`;
}

function outcomesOf(found: readonly Found[]): string {
  return [...new Set(found.map(({ row }) => row.outcome))].toSorted().join(' and ');
}
