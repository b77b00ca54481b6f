import { dueAtOf } from '../../../lambda/receipts/deadline.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { Command, ParsedArgs } from '../command.ts';
import type { OpsContext } from '../desk.ts';
import { numberOf } from '../numbers.ts';
import { type Output, tableLines, toned } from '../output.ts';
import { OpsUsageError } from '../refused.ts';
import { instant, span } from '../times.ts';
import { type ListState, listStates, readBacklog, reasonOf, usedPercent } from './waiting.ts';

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
