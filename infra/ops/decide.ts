import { pepperName } from '../../lambda/domain/names.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import { pinsKeptUntil } from '../../lambda/receipts/closing.ts';
import { createPseudonymizer } from '../../lambda/receipts/hmac.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { decideEraseAgain } from '../../lambda/receipts/transitions.ts';
import { apiKeyReader } from '../../lambda/voucherify/credentials.ts';
import {
  argumentNumber,
  decisionHelp,
  decisionOf,
  decisionOptions,
  numberOf,
  type OperatorDecision,
  OpsUsageError,
  type ParsedArgs,
} from './args.ts';
import type { Command, OpsContext } from './context.ts';
import {
  acceptPartialDecision,
  allowingNewRequest,
  applyDecision,
  type DecisionResult,
  type ReceiptDecision,
  refuseDecision,
  retryDecision,
  sameProjectDecision,
} from './decisions.ts';
import { readReceiptLike } from './receipts.ts';
import { inputLines, type Output, toned } from './terminal.ts';

const namingHelp = `RECEIPT is one or several ids, or - to read one id per line from standard input.
The beginning of an id is enough if it is unique (at least 6 characters).
Prints one line for each. Exit code 0: changed; 3: nothing to change; 1: some
are unknown or cannot be changed (the others are changed).
`;

/** Most customers of a project that one request may delete, as in the settings. */
export const maxCustomers = 50;

export const retryCommand: Command = {
  summary: 'try receipts again: after a review, or before their next attempt',
  options: {
    ...decisionOptions,
    max: { type: 'string' },
    'new-request': { type: 'boolean' },
    'same-project': { type: 'boolean' },
  },
  help: `npm run ops -- retry RECEIPT... --why "…"
  [--max N | --new-request | --same-project]

The next sweep tries again within a minute, unless a pause applies. Look-ups
that Voucherify refused are repeated. It also withdraws a refusal or an
acceptance that no sweep has processed yet. A receipt for which a wrong
customer was deleted is never tried again.

${namingHelp}
${decisionHelp}
  --max N         delete up to N customers in each project (1 to ${maxCustomers}); only for
                  receipts with the reason too-many-matches
  --new-request   the next delivery of the same body opens a new request, which
                  erases customers created before your decision; only for closed
                  receipts of a platform without request ids (Shopify), after
                  the alarm repeated-redaction
  --same-project  the current key belongs to the same Voucherify project as the
                  one that found the customers, so a 404 under it proves that a
                  customer is gone; only for the reason other-app-id. Check this
                  in Voucherify first: a key of another project returns 404 for
                  every customer. The evidence shows this decision

  npm run ops -- retry RECEIPT --why "the key of the project is valid again"
  npm run ops -- retry RECEIPT --max 12 --why "twelve profiles of one person"
  npm run ops -- retry RECEIPT --new-request --why "requested again"
  npm run -s ops -- list --state needs-review --json | jq -r ".[].receipt" \\
    | npm run -s ops -- retry - --why "fixed"
`,
  run: async (args, context, output) => {
    const most = numberOf(args, 'max', maxCustomers);
    const [newRequest, sameProject] = [args.isSet('new-request'), args.isSet('same-project')];
    if ([most !== undefined, newRequest, sameProject].filter(Boolean).length > 1)
      throw new OpsUsageError('retry: --max, --new-request and --same-project cannot be combined');
    if (sameProject) {
      const appIds = await currentAppIds(context);
      return decideAll('retry', decision => sameProjectDecision(decision, appIds), { args, context, output });
    }
    if (newRequest) {
      const platforms = openPlatforms(context.settings.platforms);
      return decideAll('retry', decision => allowingNewRequest(decision, platforms), { args, context, output });
    }
    return decideAll('retry', decision => retryDecision(decision, context, most), { args, context, output });
  },
};

export const refuseCommand: Command = {
  summary: 'refuse erasures: the sweep closes them and notifies the platform',
  options: decisionOptions,
  help: `npm run ops -- refuse RECEIPT... --why "…"

The next sweep closes the receipt as refused and notifies the platform. If an
attempt is running, the receipt is closed after it; completed deletions remain
recorded. Until the receipt is closed, "retry" withdraws the refusal.

${namingHelp}
${decisionHelp}

  npm run ops -- refuse RECEIPT --why "a shared mailbox"
  npm run -s ops -- refuse - --why "requested by mistake" < receipts.txt
`,
  run: (args, context, output) => decideAll('refuse', refuseDecision, { args, context, output }),
};

export const acceptPartialCommand: Command = {
  summary: 'close a receipt in review with what is proved',
  options: decisionOptions,
  help: `npm run ops -- accept-partial RECEIPT... --why "…"

The next sweep closes the receipt: as erased if a deletion is proved, otherwise
as not-identifiable. Only for a receipt in review of which nothing is left that
another attempt can delete: Voucherify refused the look-up of an identity, or
the reason is unseen-unproven. The evidence shows your decision, the refused
look-ups and every deletion. Until the receipt is closed, "retry" withdraws it.

${namingHelp}
${decisionHelp}

  npm run ops -- accept-partial RECEIPT --why "the address is not a real one"
`,
  run: (args, context, output) => decideAll('accept-partial', acceptPartialDecision, { args, context, output }),
};

/** Reads the key of every project. Returns the HMAC of each app id; a project without a valid key is missing. */
async function currentAppIds({ settings, readSecret }: OpsContext): Promise<ReadonlyMap<string, string>> {
  const hmacs = createPseudonymizer(await readSecret(pepperName));
  const keys = Object.keys(settings.projects).map(async project => {
    const key = await apiKeyReader(project, readSecret)();
    return key === undefined ? [] : [[project, hmacs.appId(key.appId)] as const];
  });
  return new Map((await Promise.all(keys)).flat());
}

export const eraseAgainCommand: Command = {
  summary: 'delete customers again that Voucherify still has after an erasure',
  options: decisionOptions,
  help: `npm run ops -- erase-again RECEIPT... --why "…"

Only for a closed receipt whose verification says stillPresent (the alarm
erased-person-still-present), within 30 days, and once. The next sweep creates
a new receipt with the ids of the customers that are still present. Pauses, the
hourly limit and delaySeconds apply to it as to a new request. The first receipt
and its evidence do not change. "show" names the new receipt's first one.

Exit code 0: changed; 3: nothing to change; 1: unknown, or not possible.

${decisionHelp}

  npm run ops -- erase-again RECEIPT --why "Voucherify confirmed the defect"
`,
  run: (args, context, output) => decideAll('erase-again', eraseAgainDecision, { args, context, output }),
};

function eraseAgainDecision(decision: OperatorDecision): ReceiptDecision {
  return {
    change: receipt => decideEraseAgain(receipt, { ...decision, action: 'erase-again' }),
    changed: () => 'the next sweep creates a new receipt that deletes the customers again',
    unchanged: receipt => {
      if (receipt.eraseAgain !== undefined) return { result: 'nothing', said: 'already decided' };
      return { result: 'not-possible', said: `not changed: ${whyNot(receipt)}` };
    },
  };
}

function whyNot(receipt: Receipt): string {
  if (pinsKeptUntil(receipt) === undefined) return 'its verification does not say stillPresent';
  return receipt.queue === 'sign' ? 'its evidence is being signed: repeat this in some minutes' : 'the ids are deleted';
}

interface CommandInput {
  readonly args: ParsedArgs;
  readonly context: OpsContext;
  readonly output: Output;
}

/** Applies a decision to every receipt that the arguments name, and prints one line for each. Returns the exit code. */
async function decideAll(
  what: string,
  createDecision: (decision: OperatorDecision) => ReceiptDecision,
  { args, context, output }: CommandInput,
) {
  const decision = createDecision(decisionOf(args, context));
  const ids = await receiptArguments(what, args);
  const results: DecisionResult[] = [];
  const names: string[] = [];
  for (const [at, text] of ids.entries()) {
    output.progress(`${at + 1} of ${ids.length}`);
    const { id, result } = await decideOne(text, decision, { args, context, output });
    output.progress('');
    results.push(result);
    names.push(isKnown(result) ? id : `number ${at + 1}`);
    if (!output.json) output.print(`${isKnown(result) ? `${id}: ` : argumentNumber(at, ids.length)}${textOf(result)}`);
  }
  if (output.json) output.printJson(results.map((result, at) => ({ receipt: names[at], ...result })));
  return exitCode(results);
}

/** Applies a decision to the receipt with this id, or else to the only one whose id begins like this. */
async function decideOne(text: string, decision: ReceiptDecision, { context, output }: CommandInput) {
  const result = await applyDecision(text, context, decision);
  if (result.result !== 'not-found') return { id: text, result };
  try {
    const found = await readReceiptLike(text, context, output);
    if (found === undefined) return { id: text, result };
    return { id: found.id, result: await applyDecision(found.id, context, decision) };
  } catch (error) {
    if (!(error instanceof OpsUsageError)) throw error;
    return { id: text, result: { ...result, said: error.message } };
  }
}

/** An argument could be an e-mail address, so only ids of existing receipts are printed. */
function isKnown({ result }: DecisionResult): boolean {
  return result !== 'not-found' && result !== 'failed';
}

function textOf(result: DecisionResult): string {
  return isBad(result) ? toned('bad', result.said) : result.said;
}

function exitCode(results: readonly DecisionResult[]): number {
  if (results.some(isBad)) return 1;
  return results.some(({ result }) => result === 'changed') ? 0 : 3;
}

function isBad({ result }: DecisionResult): boolean {
  return result !== 'changed' && result !== 'nothing';
}

/** Returns the receipt ids in the arguments, or with `-` from standard input, without duplicates. */
async function receiptArguments(command: string, { positionals }: ParsedArgs): Promise<readonly string[]> {
  const ids = positionals.length === 1 && positionals[0] === '-' ? await readIds() : positionals;
  if (ids.length === 0) throw new OpsUsageError(`${command}: give receipt ids, or - for standard input`);
  return [...new Set(ids)];
}

async function readIds(): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const line of inputLines()) if (line.trim() !== '') ids.push(line.trim());
  return ids;
}
