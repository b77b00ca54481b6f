import { readPausedScopes } from '../../../lambda/control/pauses.ts';
import { needsOperator, type PullState, readHeartbeat, readPull } from '../../../lambda/control/sweep-state.ts';
import { openPlatforms } from '../../../lambda/platforms/index.ts';
import { deadlineUsedPercent, type Receipt, type ReceiptQueue } from '../../../lambda/receipts/receipt.ts';
import { type TableStatus, tableProblems } from '../deployment.ts';
import { hourMs, isoSeconds } from '../terminal.ts';
import { bad, type Check, type CheckContext, type CheckResult, ok, warning } from './check.ts';

/** Checks that receipts, their queue and the control rows can be read, and that both tables are protected. */
export const tablesCheck: Check = {
  name: 'tables',
  run: async context => {
    const { store, control, local, names } = context;
    const label = local === undefined ? names.receipts : 'the store of npm start';
    const reads: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['receipts', () => store.read('no-such-receipt')],
      ['the queue', () => store.due('erase', 0, 1)],
      ['control rows', () => control.read(['no-such-row'])],
    ];
    const findings = await Promise.all(reads.map(([what, read]) => checkRead(`${label}: ${what}`, read)));
    return [...findings, ...(await checkTableStatus(context))];
  },
};

async function checkRead(what: string, read: () => Promise<unknown>): Promise<CheckResult> {
  return read().then(
    () => ok(`${what} can be read`),
    () => bad(`${what} cannot be read: check the region, --stage and your read permission`),
  );
}

/** Only a warning, because an emulator does not report every setting. */
async function checkTableStatus({ tables }: CheckContext): Promise<readonly CheckResult[]> {
  if (tables === undefined) return [];
  const status = await tables().catch(() => undefined);
  if (status === undefined)
    return [warning('the table settings cannot be read: check that you may do dynamodb:Describe*')];
  return status.map(describeTable);
}

function describeTable(table: TableStatus): CheckResult {
  const missing = tableProblems(table);
  if (missing.length === 0) return ok(`${table.name}: active, backed up and protected from deletion`);
  return warning(`${table.name}: ${missing.join(', ')}: deploy again, and find out who changed the table manually`);
}

/** Sweeps start every minute. Three missing sweeps are a failure. */
const maxSweepAgeMs = 180_000;

/** Checks that sweeps run to their end. */
export const scheduleCheck: Check = {
  name: 'schedule',
  run: async context => {
    const ended = (await readHeartbeat(context.control))?.at;
    const now = context.now();
    if (ended !== undefined && now - ended <= maxSweepAgeMs)
      return [ok(`a sweep ended ${secondsText(now - ended)} ago`)];
    return [describeMissingSweep(ended, context)];
  },
};

/** A local run sweeps for the first time a minute after its start. */
function describeMissingSweep(ended: number | undefined, { local }: CheckContext): CheckResult {
  const state =
    ended === undefined
      ? 'no sweep has ended yet (the first one ends a minute after a deployment or npm start)'
      : `no sweep has ended since ${isoSeconds(ended)}`;
  if (local === undefined)
    return bad(`${state}: check the EventBridge rule and the sweeper's log (RUNBOOK.md#sweep-stopped)`);
  const age = Date.now() - Date.parse(local.run?.startedAt ?? '');
  if (age <= maxSweepAgeMs) return warning(`${state}: npm start began ${secondsText(age)} ago`);
  return bad(`${state}: check that npm start is running, with SWEEP_SECONDS of at most 60`);
}

function secondsText(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}

/** Checks that every platform that is asked for its orders answers. */
export const pullsCheck: Check = {
  name: 'pulls',
  run: async ({ settings, control, now }) => {
    const names = [...openPlatforms(settings.platforms)].flatMap(([name, { pull }]) =>
      pull === undefined ? [] : [name],
    );
    return Promise.all(names.map(async name => describePull(name, await readPull(name, control), now())));
  },
};

function describePull(name: string, state: PullState | undefined, now: number): CheckResult {
  if (state === undefined) return warning(`${name}: has not been asked yet`);
  const { failure } = state;
  if (failure === undefined) return ok(`${name}: the last pull was complete`);
  const fact = `${name}: pulls have failed for ${secondsText(now - failure.since)} (${failure.code})`;
  if (!needsOperator(failure, now)) return warning(fact);
  return bad(`${fact}: check the secret and the settings (RUNBOOK.md#platform-out-of-sync)`);
}

/** Checks that the public key for evidence is available. */
export const evidenceKeyCheck: Check = {
  name: 'evidence key',
  run: async ({ signer, names, local }) => {
    const label = local === undefined ? names.evidenceKey : 'the key of npm start';
    const fix = 'check that the key is enabled and that you may do kms:GetPublicKey (RUNBOOK.md#evidence-unsigned)';
    return signer.publicKey().then(
      () => [ok(`${label}: the public key is available`)],
      () => [bad(`${label}: the public key is unavailable: ${fix}`)],
    );
  },
};

/** Checks that `npm start` is running. Only for a local run. */
export const localRunCheck: Check = {
  name: 'npm start',
  run: async ({ local }) => {
    if (local === undefined) return [];
    if (local.run === undefined) return [bad(`not running in the folder ${local.folder} (DATA_DIR): run npm start`)];
    return [ok(`running at ${local.run.url} since ${local.run.startedAt}`)];
  },
};

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
