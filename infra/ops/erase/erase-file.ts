import { Failure } from '../../../lambda/domain/failure.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { maxManualRequests } from '../../../lambda/request/receive-manual.ts';
import { readReceipts } from '../receipts.ts';
import { isoSeconds, type Output, oneLine, tableLines } from '../terminal.ts';
import { type Person, readPeople } from './people-file.ts';
import { printPreview } from './preview-file.ts';
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
