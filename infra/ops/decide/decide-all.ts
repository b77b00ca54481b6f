import { decisionOf, type OperatorDecision, OpsUsageError, type ParsedArgs } from '../args.ts';
import type { OpsContext } from '../context.ts';
import { argumentNumber } from '../ids.ts';
import { readReceiptLike } from '../receipts.ts';
import { inputLines, type Output, toned } from '../terminal.ts';
import { applyDecision, type DecisionResult, type ReceiptDecision } from './decisions.ts';

interface CommandInput {
  readonly args: ParsedArgs;
  readonly context: OpsContext;
  readonly output: Output;
}

/** Applies a decision to every receipt that the arguments name, and prints one line for each. Returns the exit code. */
export async function decideAll(
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
