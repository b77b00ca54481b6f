import type { IdentifierKind } from '../../lambda/domain/erasure.ts';
import { createPseudonymizer } from '../../lambda/receipts/hmac.ts';
import { isFinal, type Receipt } from '../../lambda/receipts/receipt.ts';
import { pepperName } from '../stack/names.ts';
import { OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command } from './command.ts';
import type { OpsContext } from './context.ts';
import { readReceipts } from './receipts.ts';
import { inputLines, instant, type Output, tableLines } from './terminal.ts';

const kinds: Readonly<Record<string, IdentifierKind>> = {
  email: 'email',
  'source-id': 'source_id',
  'customer-id': 'customer_id',
  phone: 'phone',
};

export const findCommand: Command = {
  summary: 'whether a person was erased, when, and with what proof',
  options: Object.fromEntries(Object.keys(kinds).map(option => [option, { type: 'string' } as const])),
  help: `npm run ops -- find --email - | --source-id - | --customer-id - | --phone -

"Did you erase this person?" Receipts hold keyed hashes (HMACs) and no identifier: this computes them again and never
prints or keeps what you asked for. Give one or several; a receipt of any of them is found. It answers for what platforms
asked for here in the last 25 months. Exit code 0: found; 1: not found.

  -               reads the value from standard input: type it, then Enter. So no shell remembers it
  VALUE           the value itself, which your shell's history keeps

E-mail addresses are found in any spelling (letter case, normal form, Punycode, blanks around them); everything else is
compared to the letter.

  npm run ops -- find --email -
  npm run ops -- find --source-id - < value.txt
  npm run ops -- find --customer-id - --json
`,
  run: find,
};

async function find(typed: ParsedArgs, desk: OpsContext, output: Output): Promise<number> {
  const asked = await askedFor(typed);
  const hmacs = createPseudonymizer(await desk.readSecret(pepperName));
  const ids = await Promise.all(asked.map(identifier => desk.store.find(hmacs.subject(identifier))));
  const receipts = await readReceipts([...new Set(ids.flat())], desk.store);
  print(
    receipts.toSorted((a, b) => a.receivedAt - b.receivedAt),
    output,
  );
  return receipts.length === 0 ? 1 : 0;
}

async function askedFor(typed: ParsedArgs) {
  if (typed.positionals.length > 0) throw new OpsUsageError('find: takes options only');
  const given = Object.entries(kinds).flatMap(([option, kind]) => {
    const value = typed.text(option);
    return value === undefined ? [] : [{ option, kind, value }];
  });
  if (given.length === 0) throw new OpsUsageError('find: name an identifier, such as --email -');
  if (given.filter(({ value }) => value === '-').length > 1)
    throw new OpsUsageError('find: one value from standard input');
  return Promise.all(given.map(async ({ option, kind, value }) => ({ kind, value: await givenValue(option, value) })));
}

async function givenValue(option: string, typed: string): Promise<string> {
  const value = typed === '-' ? await firstLine() : typed;
  if (value.trim() === '') throw new OpsUsageError(`--${option}: is empty`);
  return value;
}

async function firstLine(): Promise<string> {
  for await (const line of inputLines()) return line;
  return '';
}

const header = ['RECEIPT', 'PLATFORM', 'RECEIVED', 'OUTCOME', 'CLOSED', 'PROOF', 'SIGNED'];

function print(receipts: readonly Receipt[], output: Output): void {
  const answer = findSummary(receipts);
  if (output.json) output.printJson({ answer, receipts: receipts.map(findRow) });
  else for (const line of [answer, ...linesOf(receipts)]) output.print(line);
}

function linesOf(receipts: readonly Receipt[]): readonly string[] {
  const cells = receipts
    .map(findRow)
    .map(row => [
      ...[row.receipt, row.platform, row.receivedAt, row.outcome, row.closedAt ?? '-'],
      proofText(row.proof),
      row.signed ? 'yes' : 'no',
    ]);
  return cells.length === 0 ? [] : tableLines(header, cells);
}

function proofText({ deleted, gone }: ReturnType<typeof findRow>['proof']): string {
  const services = [...(deleted > 0 ? [`deleted ${deleted}`] : []), ...(gone > 0 ? [`gone ${gone}`] : [])];
  return services.length === 0 ? '-' : services.join(', ');
}

/** The answer to "did you erase this person?" in one line, from all receipts that name them. */
export function findSummary(receipts: readonly Receipt[]): string {
  if (receipts.length === 0) return 'nobody of that identifier was ever asked for here (in the last 25 months)';
  const erased = receipts.filter(({ state }) => state === 'erased');
  const open = receipts.filter(({ state }) => !isFinal(state));
  const others = receipts.filter(({ state }) => isFinal(state) && state !== 'erased');
  const last = Math.max(...erased.map(({ closedAt = 0 }) => closedAt));
  const services = [
    ...(erased.length === 0 ? [] : [`erased ${times(erased.length)}, last on ${instant(last)}`]),
    ...(open.length === 0 ? [] : [`asked for ${times(open.length)}, not finished`]),
    ...(others.length === 0 ? [] : [`asked for ${times(others.length)}, ended as ${outcomesOf(others)}`]),
  ];
  return services.join('; ');
}

/** One receipt of a person, without anything that the person is known by. */
export function findRow({ id, platform, receivedAt, state, closedAt, projects, evidence }: Receipt) {
  const deletions = Object.values(projects).flatMap(progress => progress.deletions);
  const count = (grade: string) => deletions.filter(({ proof }) => proof === grade).length;
  return {
    receipt: id,
    platform,
    receivedAt: instant(receivedAt),
    outcome: state,
    ...(closedAt === undefined ? {} : { closedAt: instant(closedAt) }),
    proof: { deleted: count('deleted'), gone: count('gone') },
    signed: evidence !== undefined,
  };
}

function times(count: number): string {
  return count === 1 ? '1 time' : `${count} times`;
}

function outcomesOf(receipts: readonly Receipt[]): string {
  return [...new Set(receipts.map(({ state }) => state))].toSorted().join(' and ');
}
