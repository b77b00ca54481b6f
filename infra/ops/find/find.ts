import type { IdentifierKind } from '../../../lambda/domain/identifiers.ts';
import { pepperName } from '../../../lambda/domain/names.ts';
import { createPseudonymizer, type Pseudonymizer } from '../../../lambda/receipts/hmac.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { readHidden } from '../read-identifiers.ts';
import { readReceipts } from '../receipts.ts';
import type { Output } from '../terminal.ts';
import { type Found, foundReceipt, printFound } from './found-receipts.ts';
import { requestIds } from './request-ids.ts';

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
