import { hash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { Failure } from '../../../lambda/domain/failure.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import {
  type ManualRequest,
  maxManualRequests,
  type ProjectPreview,
  type RequestPreview,
} from '../../../lambda/request/receive-manual.ts';
import { OpsUsageError, shellWord } from '../args.ts';
import { type CsvRow, parseCsv } from '../csv.ts';
import { type ManualIdentifier, type ManualKind, manualKinds, mistakeOf } from '../identifiers.ts';
import { readReceipts } from '../receipts.ts';
import { counted, isoSeconds, type Output, oneLine, tableLines } from '../terminal.ts';
import {
  type AskedBy,
  type Counts,
  type EraseInput,
  progressBar,
  receiptIds,
  senderOf,
  warnOfLimit,
} from './requests.ts';

/**
 * Looks the people of a file up, or with `askedBy` accepts a request for each, and prints what happened. What was accepted
 * before is not looked up or sent again. Returns the exit code.
 */
export async function eraseFile(
  path: string,
  askedBy: (() => Promise<AskedBy>) | undefined,
  { context, output }: EraseInput,
): Promise<number> {
  const { people, repeated } = readPeople(path);
  if (repeated > 0) output.warn(`lines that repeat an earlier one and are left out: ${repeated}`);
  const asked = await askedBy?.();
  const ids = await receiptIds(
    people.map(({ request }) => request),
    context,
  );
  const accepted = new Map<string, Receipt>();
  for await (const receipt of readReceipts(ids, context.store, output)) accepted.set(receipt.id, receipt);
  const left = people.filter((_, at) => !accepted.has(ids[at] ?? ''));
  if (left.length === 0) return printTaken([...accepted.values()], output);
  const counts = { total: people.length, before: accepted.size };
  if (asked === undefined) return printPreview(left, { ...counts, path }, { context, output });
  return acceptAll(left, counts, asked, { context, output });
}

/** Says when and by whom the file was accepted, and what became of it. */
function printTaken(receipts: readonly Receipt[], output: Output): number {
  const [first] = receipts.toSorted((a, b) => a.receivedAt - b.receivedAt);
  const at = isoSeconds(first?.receivedAt ?? 0);
  const by = oneLine(first?.decisions?.[0]?.actor ?? 'unknown');
  const states = receipts.map(({ state }) => state);
  const outcomes = [...new Set(states)].map(state => [state, states.filter(one => one === state).length] as const);
  if (output.json)
    output.printJson({ acceptedAt: at, by, requests: receipts.length, outcomes: Object.fromEntries(outcomes) });
  else {
    output.print(`this file was accepted at ${at} by ${by}: it is not taken again`, 2);
    for (const line of tableLines(
      ['OUTCOME', 'REQUESTS'],
      outcomes.map(([state, count]) => [state, String(count)]),
    ))
      output.print(line);
  }
  return 3;
}

/** Accepts a request for each person. Throws {@link Failure}; the same command then continues. */
async function acceptAll(
  people: readonly Person[],
  { total, before }: Counts,
  asked: AskedBy,
  { context, output }: EraseInput,
): Promise<number> {
  const send = senderOf(context);
  warnOfLimit(people.length, { context, output });
  for (let first = 0; first < people.length; first += maxManualRequests) {
    const requests = people.slice(first, first + maxManualRequests).map(({ request }) => request);
    const done = before + first;
    await send({ action: 'accept', requests, ...asked }).catch((error: unknown) => {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(error.code, `stopped after ${done} of ${total}: ${error.message}: run the same command again`);
    });
    output.progress(progressBar(done + requests.length, total));
  }
  output.progress('');
  const left = { accepted: people.length, before, total };
  if (output.json) output.printJson(left);
  else {
    output.print(
      `accepted ${people.length} requests${before === 0 ? '' : `, and ${before} before`}: the sweep erases them`,
      2,
    );
    output.print('  npm run ops -- list --platform manual');
    output.print('The same command shows the results of this file.', 2);
  }
  return 0;
}

/** How long to wait after a reply without a look-up, in milliseconds: the quota is used up, or Voucherify is down. */
const waitMs = 15_000;
/** After so many of them in a row, which is five minutes, the preview ends. */
const maxWaits = 20;

/** Looks all people up and prints how many match where. Deletes nothing. Returns exit code 1 if some were not looked up. */
async function printPreview(
  people: readonly Person[],
  { path, ...counts }: Counts & { readonly path: string },
  input: EraseInput,
): Promise<number> {
  const { context, output } = input;
  const previews = await lookUpAll(people, input);
  const projects = Object.keys(context.settings.projects);
  const notLookedUp = people.length - previews.size;
  const rows = projects.map(project => countProject(project, [...previews.values()]));
  const unclear = people.flatMap(({ line, request }) =>
    projects.flatMap(project => {
      const found = previews.get(request.reference)?.projects[project];
      return found?.kind === 'unclear' ? [{ line, project, code: found.code }] : [];
    }),
  );
  if (output.json) output.printJson({ ...counts, notLookedUp, projects: rows, unclear });
  else {
    output.print(`preview of ${people.length} requests: no customer was deleted`);
    if (counts.before > 0) output.print(`${counts.before} others of this file were accepted before`);
    printRows(rows, output);
    printUnclear(unclear, output);
    printNext(notLookedUp, path, output);
  }
  warnOfLimit(people.length, input);
  return notLookedUp === 0 ? 0 : 1;
}

/** Returns the previews of all who could be looked up, by the id of the request. */
async function lookUpAll(people: readonly Person[], { context, output }: EraseInput) {
  const { wait = setTimeout } = context;
  const send = senderOf(context);
  const done = new Map<string, RequestPreview>();
  let left = people.map(({ request }) => request);
  for (let waits = 0; left.length > 0 && waits <= maxWaits; ) {
    const reply = await send({ action: 'preview', requests: left.slice(0, maxManualRequests) });
    const complete = ('previews' in reply ? reply.previews : []).filter(isComplete);
    for (const preview of complete) done.set(preview.reference, preview);
    left = left.filter(({ reference }) => !done.has(reference));
    output.progress(`${progressBar(done.size, people.length)} looked up`);
    waits = complete.length > 0 ? 0 : waits + 1;
    if (waits > 0 && waits <= maxWaits) await wait(waitMs);
  }
  output.progress('');
  return done;
}

function isComplete({ projects }: RequestPreview): boolean {
  return Object.values(projects).every(({ kind }) => kind !== 'later');
}

function countProject(project: string, previews: readonly RequestPreview[]) {
  const found = previews.map(({ projects }) => projects[project]);
  const count = (kind: ProjectPreview['kind']) => found.filter(one => one?.kind === kind).length;
  const customers = found.reduce((sum, one) => sum + (one?.kind === 'found' ? one.customers : 0), 0);
  return {
    project,
    matched: count('found'),
    customers,
    noMatch: count('no-match') + count('created-later'),
    unclear: count('unclear'),
  };
}

function printRows(rows: readonly ReturnType<typeof countProject>[], output: Output): void {
  const cells = rows.map(({ project, ...counts }) => [project, ...Object.values(counts).map(String)]);
  for (const line of tableLines(['PROJECT', 'MATCHED', 'CUSTOMERS', 'NO MATCH', 'UNCLEAR'], cells, output.columns))
    output.print(line);
}

/** Lines that are shown; the rest is counted. */
const maxShown = 10;

interface Unclear {
  readonly line: number;
  readonly project: string;
  readonly code: string;
}

function printUnclear(unclear: readonly Unclear[], output: Output): void {
  if (unclear.length === 0) return;
  output.print('unclear: these need an operator, or cannot be looked up');
  for (const { line, project, code } of unclear.slice(0, maxShown)) output.print(`  line ${line}: ${project}: ${code}`);
  if (unclear.length > maxShown) output.print(`  and ${unclear.length - maxShown} more: see them with --json`);
}

function printNext(notLookedUp: number, path: string, output: Output): void {
  if (notLookedUp > 0)
    output.print(
      `${notLookedUp} were not looked up: the quota is used up, or Voucherify does not answer. Repeat it later.`,
      2,
    );
  output.print('To erase them:');
  output.print(`  npm run ops -- erase --csv ${shellWord(path)} --confirm --why "…"`);
}

/** A request of the file, and the line where it is. */
interface Person {
  readonly line: number;
  readonly request: ManualRequest;
}

export interface People {
  readonly people: readonly Person[];
  /** Lines that repeat an earlier one, and are left out. */
  readonly repeated: number;
}

/** Most lines with people in one file. A preview of more would take hours. */
export const maxPeople = 5000;
const maxBytes = 4_194_304;

/**
 * Reads the people of a CSV file with a header. Throws {@link OpsUsageError}, which names line and column and never a value.
 * The ids of the requests follow from the people and their order, so that the same file always has the same ones.
 */
export function readPeople(path: string): People {
  const rows = parseCsv(readText(path));
  const [header, ...lines] = rows;
  const kinds = kindsOf(header?.cells ?? []);
  const mistakes = lines.flatMap(row => mistakesOf(row, kinds));
  if (mistakes.length > 0) throw new OpsUsageError(listMistakes(mistakes));
  const people = lines.map(({ line, cells }) => ({ line, identifiers: identifiersOf(cells, kinds) }));
  const different = new Map(people.toReversed().map(one => [JSON.stringify(one.identifiers), one]));
  const kept = people.filter(one => different.get(JSON.stringify(one.identifiers)) === one);
  if (kept.length === 0) throw new OpsUsageError('--csv: has no line below the header');
  if (kept.length > maxPeople)
    throw new OpsUsageError(`--csv: has more than ${maxPeople} people: split it into several files`);
  const digest = hash('sha256', JSON.stringify(kept.map(({ identifiers }) => identifiers)));
  return {
    people: kept.map(({ line, identifiers }, at) => ({
      line,
      request: { reference: hash('sha256', `${digest}#${at}`), identifiers },
    })),
    repeated: people.length - kept.length,
  };
}

function readText(path: string): string {
  try {
    if (statSync(path).size > maxBytes)
      throw new OpsUsageError('--csv: is larger than 4 MiB: split it into several files');
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof OpsUsageError) throw error;
    throw new OpsUsageError(`--csv: ${error instanceof TypeError ? 'is not UTF-8' : 'the file cannot be read'}`);
  }
}

/** A file without a header has identifiers in its first line, so no name is repeated. */
function kindsOf(cells: readonly string[]): readonly ManualKind[] {
  const names = cells.map(cell => cell.trim());
  return names.map((name, at) => {
    const kind = manualKinds.find(one => one === name);
    if (kind === undefined || names.indexOf(name) !== at)
      throw new OpsUsageError(
        `--csv: line 1, column ${at + 1}: must be one of ${manualKinds.join(', ')}, once, with commas between them`,
      );
    return kind;
  });
}

/** Cells may be empty, but not all of a line. */
function mistakesOf({ line, cells }: CsvRow, kinds: readonly ManualKind[]): readonly string[] {
  if (cells.length !== kinds.length)
    return [`--csv: line ${line}: has ${counted(cells.length, 'cell')}, and the header has ${kinds.length}`];
  const filled = identifiersOf(cells, kinds);
  if (filled.length === 0) return [`--csv: line ${line}: has no identifier`];
  return filled.flatMap(identifier => {
    const mistake = mistakeOf(identifier);
    return mistake === undefined ? [] : [`--csv: line ${line}, column ${identifier.kind}: ${mistake}`];
  });
}

/** Mistakes that are listed; the rest is counted. */
const maxListed = 20;

function listMistakes(mistakes: readonly string[]): string {
  const rest = mistakes.length - maxListed;
  return [...mistakes.slice(0, maxListed), ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n');
}

/** Always in the same order. The columns of the file may have another. */
function identifiersOf(cells: readonly string[], kinds: readonly ManualKind[]): ManualIdentifier[] {
  const filled = kinds.flatMap((kind, at) => {
    const value = cells[at] ?? '';
    return value.trim() === '' ? [] : [{ kind, value }];
  });
  return filled.toSorted((a, b) => manualKinds.indexOf(a.kind) - manualKinds.indexOf(b.kind));
}
