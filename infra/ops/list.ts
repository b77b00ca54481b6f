import { dueAtOf, type Receipt, type ReceiptQueue } from '../../lambda/receipts/receipt.ts';
import { numberOf, OpsUsageError, type ParsedArgs } from './args.ts';
import type { Command } from './command.ts';
import type { OpsContext } from './context.ts';
import { readReceipts, reasonOf, usedPercent } from './receipts.ts';
import { instant, type Output, span, tableLines, toned } from './terminal.ts';

/** What a receipt can wait for, in the words of `list --state`, and the queue that holds it. */
export const listStates = {
  'needs-review': 'needs-review',
  open: 'erase',
  callback: 'callback',
  sign: 'sign',
} as const satisfies Readonly<Record<string, ReceiptQueue>>;

export type ListState = keyof typeof listStates;

const usualLimit = 50;
const mostLimit = 1000;
const allStates = Object.keys(listStates).filter(isState);

export const listCommand: Command = {
  summary: 'receipts that wait: for a person, for their erasure, for a callback, for a signature',
  options: { state: { type: 'string' }, platform: { type: 'string' }, limit: { type: 'string' } },
  help: `npm run ops -- list [--state STATE] [--platform NAME] [--limit N]

Everything that waits: first what waits for a person, and then what is due first. DEADLINE is how much of the legal time
is used (a month, or what the platform says); over 100 % it is late, and red.

  --state STATE   needs-review  waits for a decision of yours
                  open         waits for its next attempt
                  callback    is closed, and its platform is not told yet
                  sign         is closed and told, and not signed yet
  --platform NAME only requests of one platform
  --limit N       at most so many, up to ${mostLimit} (${usualLimit}); it says so when there are more

  npm run ops -- list
  npm run ops -- list --state needs-review
  npm run ops -- list --state open --platform ketch --limit 500
  npm run -s ops -- list --state needs-review --json | jq -r ".[].receipt" | npm run -s ops -- retry - --why "mended"
`,
  run: list,
};

async function list(typed: ParsedArgs, desk: OpsContext, output: Output): Promise<number> {
  if (typed.positionals.length > 0) throw new OpsUsageError('list: takes options only');
  const platform = typed.text('platform');
  const limit = numberOf(typed, 'limit', mostLimit) ?? usualLimit;
  const { receipts, more } = await readBacklog({ states: statesOf(typed.text('state')), platform, limit }, desk);
  const now = desk.now();
  const rows = receipts.map(receipt => rowOf(receipt, now));
  if (output.json) output.printJson(rows);
  else if (rows.length === 0) output.print('nothing waits');
  else for (const line of linesOf(rows, now)) output.print(line);
  const note = `there are more than these: see them with --limit, up to ${mostLimit}`;
  if (more) (output.json ? console.error : output.print)(note);
  return 0;
}

function statesOf(text: string | undefined): readonly ListState[] {
  if (text === undefined) return allStates;
  if (!isState(text)) throw new OpsUsageError(`--state: must be ${allStates.join(', ')}`);
  return [text];
}

function isState(text: string): text is ListState {
  return Object.hasOwn(listStates, text);
}

type Row = ReturnType<typeof rowOf>;

function rowOf(receipt: Receipt, now: number) {
  const { id, platform, queue, receivedAt, nextAttemptAt } = receipt;
  return {
    receipt: id,
    platform,
    state: allStates.find(state => listStates[state] === queue),
    why: reasonOf(receipt),
    receivedAt: instant(receivedAt),
    dueAt: instant(dueAtOf(receipt)),
    deadlineUsedPercent: usedPercent(receipt, now),
    ...(nextAttemptAt === undefined || queue === 'needs-review' ? {} : { nextAttemptAt: instant(nextAttemptAt) }),
  };
}

const header = ['RECEIPT', 'PLATFORM', 'STATE', 'WHY', 'AGE', 'DEADLINE', 'NEXT ATTEMPT'];

function linesOf(rows: readonly Row[], now: number): readonly string[] {
  const cells = rows.map(row => [
    row.receipt,
    row.platform,
    row.state ?? '',
    row.why,
    span(now - Date.parse(row.receivedAt)),
    `${row.deadlineUsedPercent} %`,
    row.nextAttemptAt ?? 'after your decision',
  ]);
  return tableLines(header, cells).map((line, at) =>
    (rows[at - 1]?.deadlineUsedPercent ?? 0) > 100 ? toned('bad', line) : line,
  );
}

/** Ids of one queue that are looked at: it holds them by their next attempt, and what is due first may be anywhere. */
const mostLookedThrough = 1000;

/** Every queue holds what is due at the end of time. */
const ever = Number.MAX_SAFE_INTEGER;

interface Wanted {
  readonly states: readonly ListState[];
  readonly platform: string | undefined;
  readonly limit: number;
}

/**
 * What waits: first what waits for a person, and then what is due first. `more` says that there is more than that.
 * Throws as the store does.
 */
export async function readBacklog({ states, platform, limit }: Wanted, { store }: Pick<OpsContext, 'store'>) {
  const ids = await Promise.all(states.map(state => store.due(listStates[state], ever, mostLookedThrough + 1)));
  const looked = ids.map(found => found.slice(0, mostLookedThrough));
  const receipts = await readReceipts([...new Set(looked.flat())], store);
  // The index lags: a receipt counts as what it says itself.
  const waiting = receipts.filter(
    one => states.some(state => listStates[state] === one.queue) && (platform ?? one.platform) === one.platform,
  );
  const sorted = waiting.toSorted((a, b) => rank(a) - rank(b) || dueAtOf(a) - dueAtOf(b));
  const notAll = ids.some(found => found.length > mostLookedThrough);
  return { receipts: sorted.slice(0, limit), more: sorted.length > limit || notAll };
}

function rank({ queue }: Receipt): number {
  return queue === 'needs-review' ? 0 : 1;
}
