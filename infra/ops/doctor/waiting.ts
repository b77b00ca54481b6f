import { readPausedScopes } from '../../../lambda/pause.ts';
import { deadlineUsedPercent } from '../../../lambda/receipts/deadline.ts';
import type { Receipt, ReceiptQueue } from '../../../lambda/receipts/receipt.ts';
import { bad, type Check, type CheckContext, type CheckResult, ok, warning } from './finding.ts';

/** Of each queue so many are looked at. */
const mostLookedAt = 100;

/** Percent of the time that the law allows; the alarms oldest-open-half and oldest-open-late go by the same. */
const half = 50;
const late = 80;

/** What waits: receipts for a person or for their time, pauses, and evidence. */
export const backlogCheck: Check = {
  name: 'waiting',
  run: async patient => {
    const [human, open, unsigned] = await Promise.all([
      waitingIn('needs-review', patient),
      waitingIn('erase', patient),
      waitingIn('sign', patient),
    ]);
    const found = [...forPerson(human), ...forTime([...human, ...open], patient), ...forSignature(unsigned, patient)];
    return [...found, ...(await paused(patient))];
  },
};

/** However far ahead their next attempt lies. */
async function waitingIn(queue: ReceiptQueue, { store }: CheckContext): Promise<readonly Receipt[]> {
  const ids = await store.due(queue, Number.MAX_SAFE_INTEGER, mostLookedAt);
  const receipts = await Promise.all(ids.map(id => store.read(id)));
  return receipts.flatMap(receipt => (receipt?.queue === queue ? [receipt] : []));
}

function forPerson({ length }: readonly Receipt[]): CheckResult[] {
  if (length === 0) return [ok('no receipt waits for a person')];
  const how = 'npm run ops -- list --state needs-review (RUNBOOK.md#needs-review)';
  return [warning(`${counted(length)} for a person to decide: ${how}`)];
}

function forTime(open: readonly Receipt[], { now }: CheckContext): CheckResult[] {
  if (open.length === 0) return [ok('no erasure is open')];
  const used = Math.floor(Math.max(...open.map(receipt => deadlineUsedPercent(receipt, now()))));
  const says = `${counted(open.length)} for the end; the worst has used ${used} % of its time`;
  if (used >= late) return [bad(`${says}: npm run ops -- list --state open (RUNBOOK.md#oldest-open-late)`)];
  if (used >= half) return [warning(`${says}: npm run ops -- list --state open (RUNBOOK.md#oldest-open-half)`)];
  return [ok(says)];
}

const hour = 3_600_000;

/** The sweep signs within minutes, and puts off what it cannot sign: how long it waits already, the receipt says. */
function forSignature(unsigned: readonly Receipt[], { now }: CheckContext): CheckResult[] {
  const old = unsigned.filter(
    ({ closedAt = 0, callbackState }) => now() - Math.max(closedAt, callbackState?.endedAt ?? 0) > hour,
  );
  if (old.length === 0) return [ok('no evidence waits for its signature')];
  return [bad(`${counted(old.length)} for more than an hour to be signed (RUNBOOK.md#evidence-unsigned)`)];
}

async function paused({ settings, control }: CheckContext): Promise<CheckResult[]> {
  const scopes = [...(await readPausedScopes(settings, control))];
  if (scopes.length === 0) return [ok('nothing is paused')];
  return [warning(`paused: ${scopes.join(', ')}: npm run ops -- resume SCOPE --why "…" (RUNBOOK.md#paused)`)];
}

function counted(count: number): string {
  const number = count < mostLookedAt ? String(count) : `at least ${mostLookedAt}`;
  return `${number} receipt${count === 1 ? ' waits' : 's wait'}`;
}
