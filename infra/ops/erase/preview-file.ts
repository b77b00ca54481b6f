import { setTimeout } from 'node:timers/promises';
import { maxManualRequests, type ProjectPreview, type RequestPreview } from '../../../lambda/request/receive-manual.ts';
import { shellWord } from '../args.ts';
import { type Output, tableLines } from '../terminal.ts';
import type { Person } from './people-file.ts';
import { type Counts, type EraseInput, progressBar, senderOf, warnOfLimit } from './requests.ts';

/** How long to wait after a reply without a look-up, in milliseconds: the quota is used up, or Voucherify is down. */
const waitMs = 15_000;
/** After so many of them in a row, which is five minutes, the preview ends. */
const maxWaits = 20;

/** Looks all people up and prints how many match where. Deletes nothing. Returns exit code 1 if some were not looked up. */
export async function printPreview(
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
