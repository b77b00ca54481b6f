import * as v from 'valibot';
import type { IdentifierKind } from '../../lambda/domain/identifiers.ts';
import { pepperName } from '../../lambda/domain/names.ts';
import { isGeneric } from '../../lambda/platforms/index.ts';
import { createPseudonymizer, type Pseudonymizer } from '../../lambda/receipts/hmac.ts';
import { isFinal, type Receipt } from '../../lambda/receipts/receipt.ts';
import type { Settings } from '../../lambda/settings.ts';
import { OpsUsageError, type ParsedArgs, shortId } from './args.ts';
import type { Command, OpsContext } from './context.ts';
import { readHidden } from './read-identifiers.ts';
import { readReceipts, shortName } from './receipts.ts';
import { notLookedUpText } from './show/audit-report.ts';
import { isoSeconds, type Output, tableLines } from './terminal.ts';

const kinds: Readonly<Record<string, IdentifierKind>> = {
  email: 'email',
  'source-id': 'source_id',
  'customer-id': 'customer_id',
  phone: 'phone',
};

/** The platform's own id of a request, and every kind of identifier. */
const searchOptions = [...Object.keys(kinds), 'request'];

export const findCommand: Command = {
  summary: 'find out whether and when a person was erased, and with what proof',
  options: Object.fromEntries(searchOptions.map(option => [option, { type: 'string' } as const])),
  help: `npm run ops -- find --email - | --source-id - | --customer-id - | --phone -
                    | --request ID

Finds the receipts of a person, to answer "did you erase this person?".
Receipts contain keyed hashes (HMACs) and no identifiers. This command computes
the hash again, and never prints or stores the value. With several values, it
finds receipts of any of them. It covers requests received in the last
25 months. Exit code 0: found; 1: not found.

Only what the platform sent can be found: if it sent the e-mail address, the
person's source_id finds nothing. Try the other kinds before you say no.

  --request ID    the id that the platform gave to the request. Only for Ketch
                  and generic platforms; for the others, the stored id contains
                  more than this
  -               the value is typed at a prompt that does not show it, or read
                  from standard input
  VALUE           the value itself; the shell's history stores it

E-mail addresses match in any spelling (letter case, normal form, Punycode,
spaces around them). All other values must match exactly.

  npm run ops -- find --email -
  npm run ops -- find --source-id - < value.txt
  npm run ops -- find --request 22880925-aac5-42f9-a653-cb6921d361ff
  npm run ops -- find --customer-id - --json
`,
  run: find,
};

async function find(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  const searched = await readSearch(args);
  const hmacs = createPseudonymizer(await context.readSecret(pepperName));
  const ids = await Promise.all(searched.map(one => idsOf(one, hmacs, context)));
  const subjects = subjectsOf(searched, hmacs);
  // Of each receipt, only what is shown stays in memory.
  const found: Found[] = [];
  for await (const receipt of readReceipts([...new Set(ids.flat())], context.store, output))
    if (isRequested(receipt, subjects)) found.push(await foundReceipt(receipt, context));
  const oldestFirst = found.toSorted((a, b) => a.at - b.at);
  printFound(oldestFirst, hintsFor(searched, context), output);
  return found.length === 0 ? 1 : 0;
}

/**
 * A look-up row may be for an identifier that only the deleted customer had. Such a receipt is not a request by this
 * identifier.
 */
function isRequested({ subjectHmacs }: Receipt, subjects: readonly string[] | undefined): boolean {
  return subjects === undefined || subjectHmacs.some(hmac => subjects.includes(hmac));
}

/** Returns the HMACs that are searched; `undefined` if a request is searched by its own id. */
function subjectsOf(searched: readonly Searched[], { subject }: Pseudonymizer): readonly string[] | undefined {
  const hmacs = searched.map(({ kind, value }) => (kind === undefined ? undefined : subject({ kind, value })));
  return hmacs.includes(undefined) ? undefined : hmacs.filter(hmac => hmac !== undefined);
}

/** A value to search for; the kind is absent for the platform's id of a request. */
interface Searched {
  readonly option: string;
  readonly kind: IdentifierKind | undefined;
  readonly value: string;
}

async function idsOf(
  { kind, value }: Searched,
  hmacs: Pseudonymizer,
  { store, settings }: OpsContext,
): Promise<readonly string[]> {
  return kind === undefined ? requestIds(value, settings, hmacs).ids : store.find(hmacs.subject({ kind, value }));
}

/** Says what this search could not find. */
function hintsFor(searched: readonly Searched[], { settings }: OpsContext): readonly string[] {
  const others = searchOptions.filter(option => searched.every(one => one.option !== option));
  const also = others.map(option => `--${option}`).join(', ');
  const request = searched.find(({ kind }) => kind === undefined);
  const { unsearchable } = requestIds(request?.value ?? '', settings);
  return [
    ...(also === '' ? [] : [`Only what the platform sent can be found: also try ${also}`]),
    ...(request === undefined || unsearchable.length === 0
      ? []
      : [`Not searched by the id of a request: ${unsearchable.join(', ')}`]),
  ];
}

async function readSearch(args: ParsedArgs): Promise<readonly Searched[]> {
  if (args.positionals.length > 0) throw new OpsUsageError('find: takes options only, no arguments');
  const given = searchOptions.flatMap(option => {
    const value = args.text(option);
    return value === undefined ? [] : [{ option, kind: kinds[option], value }];
  });
  if (given.length === 0) throw new OpsUsageError('find: give an identifier, such as --email -');
  if (given.filter(({ value }) => value === '-').length > 1)
    throw new OpsUsageError('find: only one value can be read from standard input');
  return Promise.all(given.map(async one => ({ ...one, value: await readValue(one.option, one.value) })));
}

async function readValue(option: string, given: string): Promise<string> {
  const value = given === '-' ? await readHidden(option) : given;
  if (value.trim() === '') throw new OpsUsageError(`--${option}: is empty`);
  return value;
}

/** A receipt of the person, with its times in epoch milliseconds. */
interface Found {
  readonly at: number;
  readonly endedAt: number | undefined;
  readonly row: Awaited<ReturnType<typeof findRow>>;
}

/** Returns the facts of one receipt, without any identifier of the person. */
async function foundReceipt(receipt: Receipt, context: Pick<OpsContext, 'store'>): Promise<Found> {
  return { at: receipt.receivedAt, endedAt: receipt.closedAt, row: await findRow(receipt, context) };
}

/** Prints the answer, the receipts, and what the search could not find. */
function printFound(found: readonly Found[], hints: readonly string[], output: Output): void {
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

interface RequestIds {
  /** The ids of the receipts that such a request would have. */
  readonly ids: readonly string[];
  /** The platforms whose stored id contains more than the id of the request. */
  readonly unsearchable: readonly string[];
}

/**
 * Returns the receipt ids of a request with this id of the platform, in every scope that the settings know. Without HMACs,
 * only the platforms that cannot be searched.
 */
function requestIds(request: string, { platforms }: Settings, hmacs?: Pick<Pseudonymizer, 'receipt'>): RequestIds {
  const keys = Object.entries(platforms).map(([name, section]) => ({ name, ...keysOf(name, section, request.trim()) }));
  return {
    ids: keys.flatMap(({ name, scopes = [], reference }) =>
      hmacs === undefined ? [] : scopes.map(scope => hmacs.receipt(name, scope, reference)),
    ),
    unsearchable: keys.flatMap(({ name, scopes }) => (scopes === undefined ? [name] : [])),
  };
}

const ketchTenants = v.object({ tenants: v.array(v.string()) });
const severalPlaces = v.object({ reference: v.array(v.unknown()) });

/** Returns the scopes and the reference that the platform's requests are stored with; no scopes if they are not known. */
function keysOf(
  name: string,
  section: unknown,
  request: string,
): { readonly scopes?: readonly string[]; readonly reference: string } {
  if (isGeneric(section) || name === 'generic')
    return v.is(severalPlaces, section) ? { reference: request } : { scopes: [''], reference: request };
  // The id of a Ketch request is stored in lower case.
  if (name === 'ketch' && v.is(ketchTenants, section))
    return { scopes: section.tenants, reference: request.toLowerCase() };
  return { reference: request };
}
