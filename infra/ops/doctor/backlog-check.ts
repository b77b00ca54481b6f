import { readPausedScopes } from '../../../lambda/control/pauses.ts';
import { deadlineUsedPercent, type Receipt, type ReceiptQueue } from '../../../lambda/receipts/receipt.ts';
import { bad, type Check, type CheckContext, type CheckResult, ok, warning } from './check.ts';

/** Number of receipts read from each queue. */
const maxReceipts = 100;

/** Percent of the legal time, as in the alarms deadline-half-used and deadline-nearly-used. */
const halfPercent = 50;
const latePercent = 80;

/** Checks the receipts that need a review, the open ones, the unsigned ones, and the pauses. */
export const backlogCheck: Check = {
  name: 'backlog',
  run: async context => {
    const [review, open, unsigned] = await Promise.all([
      readQueue('needs-review', context),
      readQueue('erase', context),
      readQueue('sign', context),
    ]);
    return [
      checkReviews(review),
      checkOpen([...review, ...open], context),
      checkUnsigned(unsigned, context),
      await checkPauses(context),
    ];
  },
};

/** Reads receipts of a queue, also those whose next attempt is far in the future. */
async function readQueue(queue: ReceiptQueue, { store }: CheckContext): Promise<readonly Receipt[]> {
  const ids = await store.due(queue, Number.MAX_SAFE_INTEGER, maxReceipts);
  const receipts = await Promise.all(ids.map(id => store.read(id)));
  return receipts.flatMap(receipt => (receipt?.queue === queue ? [receipt] : []));
}

function checkReviews({ length }: readonly Receipt[]): CheckResult {
  if (length === 0) return ok('no receipt needs a review');
  const command = 'npm run ops -- list --state needs-review (RUNBOOK.md#needs-review)';
  return warning(`${countText(length)} ${length === 1 ? 'needs' : 'need'} a review: ${command}`);
}

function checkOpen(open: readonly Receipt[], { now }: CheckContext): CheckResult {
  if (open.length === 0) return ok('no erasure is open');
  const used = Math.floor(Math.max(...open.map(receipt => deadlineUsedPercent(receipt, now()))));
  const state = `${countText(open.length)} not finished; the oldest has used ${used} % of its time`;
  const command = 'npm run ops -- list --state open';
  if (used >= latePercent) return bad(`${state}: ${command} (RUNBOOK.md#deadline-nearly-used)`);
  if (used >= halfPercent) return warning(`${state}: ${command} (RUNBOOK.md#deadline-half-used)`);
  return ok(state);
}

const hourMs = 3_600_000;

/** The sweep signs within minutes. An operator's retry changes when a receipt is due, so the age is taken from the receipt. */
function checkUnsigned(unsigned: readonly Receipt[], { now }: CheckContext): CheckResult {
  const old = unsigned.filter(
    ({ closedAt = 0, callbackState }) => now() - Math.max(closedAt, callbackState?.endedAt ?? 0) > hourMs,
  );
  if (old.length === 0) return ok('no evidence is overdue for its signature');
  return bad(`${countText(old.length)} unsigned for more than an hour (RUNBOOK.md#evidence-unsigned)`);
}

async function checkPauses({ settings, control }: CheckContext): Promise<CheckResult> {
  const scopes = [...(await readPausedScopes(settings, control))];
  if (scopes.length === 0) return ok('nothing is paused');
  return warning(`paused: ${scopes.join(', ')}: npm run ops -- resume SCOPE --why "…" (RUNBOOK.md#paused)`);
}

function countText(count: number): string {
  const number = count < maxReceipts ? String(count) : `at least ${maxReceipts}`;
  return `${number} receipt${count === 1 ? '' : 's'}`;
}
