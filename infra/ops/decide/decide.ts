import { openPlatforms } from '../../../lambda/platforms/index.ts';
import {
  decisionHelp,
  decisionOf,
  decisionOptions,
  numberOf,
  type OperatorDecision,
  OpsUsageError,
  type ParsedArgs,
} from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { inputLines, type Output, toned } from '../terminal.ts';
import {
  allowingNewRequest,
  applyDecision,
  type DecisionResult,
  type ReceiptDecision,
  refuseDecision,
  retryDecision,
} from './decisions.ts';

const namingHelp = `RECEIPT is one or many, or - for one a line on standard input. Each gets a line of its own. Exit code 0: all are changed;
3: they stood so already; 1: some are unknown or cannot be changed, the others are.
`;

/** Most customers of one project that one request may delete: what settings allow at most. */
const maxCustomers = 50;

export const retryCommand: Command = {
  summary: 'let receipts go on: those that wait for a person, or for their next attempt',
  options: { ...decisionOptions, max: { type: 'string' }, 'new-request': { type: 'boolean' } },
  help: `npm run ops -- retry RECEIPT... --why "…" [--max N | --new-request]

The next sweep tries again, within a minute (a pause still holds it). It also takes a refusal back that no sweep has carried
out yet. A receipt for which somebody else was deleted is never tried again.

${namingHelp}
${decisionHelp}
  --max N         delete up to N customers in each project, 1 to ${maxCustomers}: only for receipts that stopped at too-many-matches
  --new-request   the next delivery of the same body opens a new request, and erases who was there at your decision: only
                  for closed receipts of a platform without request ids (Shopify), after the alarm repeated-redaction

  npm run ops -- retry RECEIPT --why "the key of the project is back"
  npm run ops -- retry RECEIPT --max 12 --why "one person with twelve profiles, seen by the shop"
  npm run ops -- retry RECEIPT --new-request --why "the shop confirms that the customer asked again"
  npm run -s ops -- list --state needs-review --json | jq -r ".[].receipt" | npm run -s ops -- retry - --why "mended"
`,
  run: async (typed, desk, output) => {
    const most = numberOf(typed, 'max', maxCustomers);
    if (typed.isSet('new-request')) {
      if (most !== undefined) throw new OpsUsageError('retry: --max and --new-request do not go together');
      const platforms = openPlatforms(desk.settings.platforms);
      return decideAll('retry', words => allowingNewRequest(words, platforms), { typed, desk, output });
    }
    return decideAll('retry', words => retryDecision(words, most), { typed, desk, output });
  },
};

export const refuseCommand: Command = {
  summary: 'decide that receipts are not to be carried out: the sweep closes them, the platform hears it',
  options: decisionOptions,
  help: `npm run ops -- refuse RECEIPT... --why "…"

The next sweep closes it as refused, and the platform is told. Where an attempt is under way, it is closed after that, and what
was deleted by then stays deleted and is recorded. Until it is closed, "retry" takes the refusal back.

${namingHelp}
${decisionHelp}

  npm run ops -- refuse RECEIPT --why "a shared mailbox: the platform asks again with an id"
  npm run -s ops -- refuse - --why "ordered by mistake, see the incident" < receipts.txt
`,
  run: (typed, desk, output) => decideAll('refuse', refuseDecision, { typed, desk, output }),
};

interface At {
  readonly typed: ParsedArgs;
  readonly desk: OpsContext;
  readonly output: Output;
}

async function decideAll(
  what: string,
  deciding: (words: OperatorDecision) => ReceiptDecision,
  { typed, desk, output }: At,
) {
  const decision = deciding(decisionOf(typed, desk));
  const ids = await receiptArguments(what, typed);
  const all: DecisionResult[] = [];
  for (const [at, id] of ids.entries()) {
    output.progress(`${at + 1} of ${ids.length}`);
    const judged = await applyDecision(id, desk, decision);
    output.progress('');
    all.push(judged);
    if (!output.json) output.print(lineOf(judged, nameOf(judged, id, at)));
  }
  if (output.json) output.printJson(all.map((judged, at) => ({ receipt: nameOf(judged, ids[at], at), ...judged })));
  return exitCode(all);
}

/** What was typed may be anything, an address too: only what is known to be a receipt's id is printed. */
function nameOf({ result }: DecisionResult, id = '', at: number): string {
  return result === 'not-found' || result === 'failed' ? `number ${at + 1}` : id;
}

function lineOf(judged: DecisionResult, name: string): string {
  return `${name}: ${isBad(judged) ? toned('bad', judged.said) : judged.said}`;
}

function exitCode(all: readonly DecisionResult[]): number {
  if (all.some(isBad)) return 1;
  return all.some(({ result }) => result === 'changed') ? 0 : 3;
}

function isBad({ result }: DecisionResult): boolean {
  return result !== 'changed' && result !== 'nothing';
}

/** The receipts that a command was given, each once: as arguments, or with `-` one a line on standard input. */
export async function receiptArguments(command: string, { positionals }: ParsedArgs): Promise<readonly string[]> {
  const named = positionals.length === 1 && positionals[0] === '-' ? await lines() : positionals;
  if (named.length === 0) throw new OpsUsageError(`${command}: name receipts, or - for standard input`);
  return [...new Set(named)];
}

async function lines(): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const line of inputLines()) if (line.trim() !== '') ids.push(line.trim());
  return ids;
}
