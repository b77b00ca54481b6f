import type { ParsedArgs } from '../command.ts';
import { inputLines } from '../input.ts';
import { OpsUsageError } from '../refused.ts';

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
