import { type PauseScope, readPausedScopes, scopesOf } from '../../lambda/control/pauses.ts';
import { dueAtOf, isClosingDecided, type Receipt, type ReceiptQueue } from '../../lambda/receipts/receipt.ts';
import { isDelayed } from '../../lambda/receipts/transitions.ts';
import { numberOf, OpsUsageError, type ParsedArgs, shortId } from './args.ts';
import { checkPlatform, closedHelp, closedOptions, listClosed, periodOptions } from './closed-receipts.ts';
import type { Command, OpsContext } from './context.ts';
import { readReceipts, reasonOf, usedPercent } from './receipts.ts';
import { isoSeconds, type Output, shortSpan, span, tableLines, toned } from './terminal.ts';

const defaultLimit = 50;
const maxLimit = 1000;
export const listCommand: Command = {
  summary: 'list receipts that are unfinished, or not notified, verified or signed; or closed',
  options: {
    state: { type: 'string' },
    closed: { type: 'boolean' },
    ...closedOptions,
    limit: { type: 'string' },
    csv: { type: 'boolean' },
  },
  help: `npm run ops -- list [--state STATE] [--platform NAME] [--limit N]
npm run ops -- list --closed [--from DATE] [--to DATE] [--csv]

Lists all receipts that are not finished: first those that need a review, then
by due date. DEADLINE (on a terminal USED) is the used part of the legal time
(one month, or what the platform stated). Over 100 % the receipt is late and
shown in red. On a terminal, ids are shortened: every command takes them.

  --state STATE   needs-review  needs a decision by an operator
                  held          in review because of a legal hold, until it ends
                  open          erased at the next attempt
                  callback      closed, but the callback is not delivered yet
                  verify        closed, but the deleted customers are not looked
                                at again yet
                  sign          closed, but the evidence is not signed yet
  --closed        the receipts that were closed in a period, the last one first.
                  It reads every receipt, so it takes a while
${closedHelp}
  --csv           every closed receipt as CSV, unordered. A cell that starts
                  with = + - or @ (an id can) gets an apostrophe before it, so
                  that a spreadsheet does not take it for a formula
  --limit N       at most N receipts, up to ${maxLimit}; the default is ${defaultLimit}

  npm run ops -- list
  npm run ops -- list --state needs-review
  npm run ops -- list --state open --platform ketch --limit 500
  npm run ops -- list --closed --from 2026-01-01 --to 2026-01-31
  npm run -s ops -- list --closed --year 2026 --csv > closed-2026.csv
  npm run -s ops -- list --state needs-review --json | jq -r ".[].receipt" \\
    | npm run -s ops -- retry - --why "fixed"
`,
  run: list,
};

async function list(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (args.positionals.length > 0) throw new OpsUsageError('list: takes options only, no arguments');
  if (args.isSet('closed')) return listClosed(args, context, output, { most: maxLimit, usual: defaultLimit });
  const extra = [...Object.keys(periodOptions), 'csv'].find(one => args.isSet(one) || args.text(one) !== undefined);
  if (extra !== undefined) throw new OpsUsageError(`--${extra}: only together with --closed`);
  const platform = args.text('platform');
  const limit = numberOf(args, 'limit', maxLimit) ?? defaultLimit;
  const query = { states: statesOf(args.text('state')), platform, limit };
  const { rows, more } = await readUnfinished(query, context, output);
  const others =
    rows.length > 0
      ? rows
      : (await readUnfinished({ platform, states: allStates, limit: maxUnfinished }, context, output)).rows;
  checkPlatform(platform, others.length, context, output);
  if (output.json) output.printJson(rows);
  else if (rows.length === 0) output.print(nothingIn(query.states, others));
  else for (const line of formatRows(rows, context.now(), output.columns)) output.print(line);
  const note = `more receipts exist: show them with --limit, up to ${maxLimit}`;
  if (more) (output.json ? output.warn : output.print)(note);
  return 0;
}

/** Names the states in which there are receipts instead. */
function nothingIn(states: readonly ListState[], others: readonly UnfinishedRow[]): string {
  if (others.length === 0) return 'no unfinished receipts';
  const counts = allStates.flatMap(state => {
    const count = others.filter(row => row.state === state).length;
    return count === 0 ? [] : [`${count} ${state}: --state ${state}`];
  });
  return `no receipt in state ${states.join(', ')} (${counts.join(', ')})`;
}

function statesOf(text: string | undefined): readonly ListState[] {
  if (text === undefined) return allStates;
  if (!isListState(text)) throw new OpsUsageError(`--state: must be ${allStates.join(', ')}`);
  return [text];
}

/** On a terminal, ids and times are short, so that a row fits. Otherwise they are whole, for other programs. */
function formatRows(rows: readonly UnfinishedRow[], now: number, columns: number | undefined): readonly string[] {
  return columns === undefined ? formatTable(rows, now) : formatShortTable(rows, now, columns);
}

function formatShortTable(rows: readonly UnfinishedRow[], now: number, columns: number): readonly string[] {
  const cells = rows.map(row => [
    shortId(
      row.receipt,
      rows.map(other => other.receipt),
    ),
    row.platform,
    row.state ?? '',
    shortSpan(now - Date.parse(row.receivedAt)),
    `${row.deadlineUsedPercent} %`,
    row.nextAttemptAt === undefined ? waitsFor(row) : shortSpan(Date.parse(row.nextAttemptAt) - now),
    row.why,
  ]);
  return toneLate(tableLines(['RECEIPT', 'PLATFORM', 'STATE', 'AGE', 'USED', 'NEXT', 'WHY'], cells, columns), rows);
}

/** What has to come before the next attempt of a receipt, if it has no time. */
function waitsFor({ state, why }: UnfinishedRow): string {
  if (why === 'paused') return 'resume';
  return state === 'held' ? 'hold' : 'decision';
}

const header = ['RECEIPT', 'PLATFORM', 'STATE', 'WHY', 'AGE', 'DEADLINE', 'NEXT ATTEMPT'];

function formatTable(rows: readonly UnfinishedRow[], now: number): readonly string[] {
  const cells = rows.map(row => [
    row.receipt,
    row.platform,
    row.state ?? '',
    row.why,
    span(now - Date.parse(row.receivedAt)),
    `${row.deadlineUsedPercent} %`,
    row.nextAttemptAt ?? `after ${row.state === 'held' ? 'the' : 'a'} ${waitsFor(row)}`,
  ]);
  return toneLate(tableLines(header, cells), rows);
}

function toneLate(lines: readonly string[], rows: readonly UnfinishedRow[]): readonly string[] {
  const isLate = (row: UnfinishedRow | undefined) =>
    row !== undefined && row.deadlineUsedPercent > 100 && row.state !== 'held';
  return lines.map((line, at) => (isLate(rows[at - 1]) ? toned('bad', line) : line));
}

/** The values of `list --state`, and the queue of each. */
const listStates = {
  'needs-review': 'needs-review',
  held: 'held',
  open: 'erase',
  callback: 'callback',
  verify: 'verify',
  sign: 'sign',
} as const satisfies Readonly<Record<string, ReceiptQueue>>;

/** A value of `list --state`. */
type ListState = keyof typeof listStates;

/** Every value of `list --state`, in the order of the list. */
const allStates = Object.keys(listStates).filter(isListState);

/** Returns whether a text is a value of `list --state`. */
function isListState(text: string): text is ListState {
  return Object.hasOwn(listStates, text);
}

/** What is shown of an unfinished receipt. */
type UnfinishedRow = ReturnType<typeof rowOf>;

function rowOf(receipt: Receipt, paused: ReadonlySet<PauseScope>, now: number) {
  const { id, platform, queue, receivedAt, nextAttemptAt, projects } = receipt;
  const mayErase = queue === 'erase' && !isClosingDecided(receipt);
  const isPaused = mayErase && scopesOf(platform, Object.keys(projects)).some(scope => paused.has(scope));
  return {
    receipt: id,
    platform,
    state: allStates.find(state => listStates[state] === queue),
    why: isPaused ? 'paused' : mayErase && isDelayed(receipt, now) ? 'delayed' : reasonOf(receipt),
    receivedAt: isoSeconds(receivedAt),
    dueAt: isoSeconds(dueAtOf(receipt)),
    deadlineUsedPercent: usedPercent(receipt, now),
    ...(nextAttemptAt === undefined || queue === 'needs-review' || queue === 'held' || isPaused
      ? {}
      : { nextAttemptAt: isoSeconds(nextAttemptAt) }),
  };
}

/** Ids read from each queue. A queue is sorted by next attempt, not by due date, so all of them are sorted here. */
const maxUnfinished = 1000;

/** Includes every receipt of a queue. */
const anyTime = Number.MAX_SAFE_INTEGER;

interface UnfinishedQuery {
  readonly states: readonly ListState[];
  readonly platform: string | undefined;
  readonly limit: number;
}

/**
 * Reads unfinished receipts: reviews first, then by due date. Keeps of each only what is shown. `more` is set if there are
 * others. Throws as the store does.
 */
async function readUnfinished(
  { states, platform, limit }: UnfinishedQuery,
  { store, control, settings, now }: Pick<OpsContext, 'store' | 'control' | 'settings' | 'now'>,
  output: Output,
) {
  const paused = await readPausedScopes(settings, control);
  const ids = await Promise.all(states.map(state => store.due(listStates[state], anyTime, maxUnfinished + 1)));
  const limited = ids.map(found => found.slice(0, maxUnfinished));
  const at = now();
  const matching: { readonly rank: number; readonly dueAt: number; readonly row: UnfinishedRow }[] = [];
  for await (const one of readReceipts([...new Set(limited.flat())], store, output)) {
    // The index is eventually consistent, so the queue in the receipt counts.
    if (!states.some(state => listStates[state] === one.queue) || (platform ?? one.platform) !== one.platform) continue;
    matching.push({ rank: rank(one), dueAt: dueAtOf(one), row: rowOf(one, paused, at) });
  }
  const sorted = matching.toSorted((a, b) => a.rank - b.rank || a.dueAt - b.dueAt);
  const notAll = ids.some(found => found.length > maxUnfinished);
  return { rows: sorted.slice(0, limit).map(({ row }) => row), more: sorted.length > limit || notAll };
}

function rank({ queue }: Receipt): number {
  return queue === 'needs-review' ? 0 : 1;
}
