import { readHeartbeat } from '../../../lambda/control/heartbeat.ts';
import { readPausedScopes } from '../../../lambda/control/pauses.ts';
import { deadlineUsedPercent, type Receipt, type ReceiptQueue } from '../../../lambda/receipts/receipt.ts';
import type { TableStatus } from '../table-status.ts';
import { bad, type Check, type CheckContext, type CheckResult, isoSeconds, ok, warning } from './check.ts';

/** Whether receipts, their queue and the control rows can be read, and how AWS keeps the tables. */
export const tablesCheck: Check = {
  name: 'tables',
  run: async patient => {
    const { store, control, local, names } = patient;
    const called = local === undefined ? names.receipts : 'the store of npm start';
    const reads: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['receipts', () => store.read('no-such-receipt')],
      ['the queue', () => store.due('erase', 0, 1)],
      ['control rows', () => control.read(['no-such-row'])],
    ];
    const findings = await Promise.all(reads.map(([what, read]) => checkRead(`${called}: ${what}`, read)));
    return [...findings, ...(await checkTableStatus(patient))];
  },
};

async function checkRead(what: string, read: () => Promise<unknown>): Promise<CheckResult> {
  const missing = 'is it deployed in this region, under this --stage, and may you read it?';
  return read().then(
    () => ok(`${what} can be read`),
    () => bad(`${what} cannot be read: ${missing}`),
  );
}

/** An emulator keeps some of this to itself, so that what is missing is a warning. */
async function checkTableStatus({ tables }: CheckContext): Promise<readonly CheckResult[]> {
  if (tables === undefined) return [];
  const described = await tables().catch(() => undefined);
  if (described === undefined)
    return [warning('how AWS keeps the tables cannot be seen: may you do dynamodb:Describe*?')];
  return described.flatMap(describeTable);
}

function describeTable(table: TableStatus): readonly CheckResult[] {
  const missing = [
    table.active ? [] : ['it is not active'],
    table.backedUp ? [] : ['point-in-time recovery is off'],
    table.protectedFromDeletion ? [] : ['deletion protection is off'],
    table.mustExpire && !table.expires ? ['closed receipts never expire'] : [],
  ].flat();
  if (missing.length === 0) return [ok(`${table.name}: active, backed up and protected from deletion`)];
  return [warning(`${table.name}: ${missing.join(', ')}: deploy again, and see who changes tables by hand`)];
}

/** Sweeps come once a minute and take less; three missing ones are no accident. */
const maxSweepAgeMs = 180_000;

/** Whether sweeps come and end. */
export const scheduleCheck: Check = {
  name: 'schedule',
  run: async patient => {
    const ended = (await readHeartbeat(patient.control))?.at;
    const now = patient.now();
    if (ended !== undefined && now - ended <= maxSweepAgeMs)
      return [ok(`a sweep ended ${secondsText(now - ended)} ago`)];
    return [describeMissingSweep(ended, patient)];
  },
};

const neverSwept = 'no sweep has ever ended (the first does a minute after a deployment or npm start)';

/** A local run sweeps for the first time a minute after it began. */
function describeMissingSweep(ended: number | undefined, { local }: CheckContext): CheckResult {
  const says = ended === undefined ? neverSwept : `no sweep has ended since ${isoSeconds(ended)}`;
  if (local === undefined) return bad(`${says}: look at the rule and the sweeper's log (RUNBOOK.md#sweep-stopped)`);
  const began = Date.parse(local.run?.startedAt ?? '');
  if (Date.now() - began <= maxSweepAgeMs)
    return warning(`${says}: npm start began ${secondsText(Date.now() - began)} ago`);
  return bad(`${says}: is npm start running, with SWEEP_SECONDS of at most 60?`);
}

function secondsText(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}

/** Of each queue so many are looked at. */
const maxReceipts = 100;

/** Percent of the time that the law allows; the alarms oldest-open-half and oldest-open-late go by the same. */
const halfPercent = 50;
const latePercent = 80;

/** What waits: receipts for a person or for their time, pauses, and evidence. */
export const backlogCheck: Check = {
  name: 'waiting',
  run: async patient => {
    const [human, open, unsigned] = await Promise.all([
      readQueue('needs-review', patient),
      readQueue('erase', patient),
      readQueue('sign', patient),
    ]);
    const found = [
      ...checkReviews(human),
      ...checkOpen([...human, ...open], patient),
      ...checkUnsigned(unsigned, patient),
    ];
    return [...found, ...(await checkPauses(patient))];
  },
};

/** However far ahead their next attempt lies. */
async function readQueue(queue: ReceiptQueue, { store }: CheckContext): Promise<readonly Receipt[]> {
  const ids = await store.due(queue, Number.MAX_SAFE_INTEGER, maxReceipts);
  const receipts = await Promise.all(ids.map(id => store.read(id)));
  return receipts.flatMap(receipt => (receipt?.queue === queue ? [receipt] : []));
}

function checkReviews({ length }: readonly Receipt[]): CheckResult[] {
  if (length === 0) return [ok('no receipt waits for a person')];
  const how = 'npm run ops -- list --state needs-review (RUNBOOK.md#needs-review)';
  return [warning(`${countText(length)} for a person to decide: ${how}`)];
}

function checkOpen(open: readonly Receipt[], { now }: CheckContext): CheckResult[] {
  if (open.length === 0) return [ok('no erasure is open')];
  const used = Math.floor(Math.max(...open.map(receipt => deadlineUsedPercent(receipt, now()))));
  const says = `${countText(open.length)} for the end; the worst has used ${used} % of its time`;
  if (used >= latePercent) return [bad(`${says}: npm run ops -- list --state open (RUNBOOK.md#oldest-open-late)`)];
  if (used >= halfPercent) return [warning(`${says}: npm run ops -- list --state open (RUNBOOK.md#oldest-open-half)`)];
  return [ok(says)];
}

const hourMs = 3_600_000;

/** The sweep signs within minutes, and puts off what it cannot sign: how long it waits already, the receipt says. */
function checkUnsigned(unsigned: readonly Receipt[], { now }: CheckContext): CheckResult[] {
  const old = unsigned.filter(
    ({ closedAt = 0, callbackState }) => now() - Math.max(closedAt, callbackState?.endedAt ?? 0) > hourMs,
  );
  if (old.length === 0) return [ok('no evidence waits for its signature')];
  return [bad(`${countText(old.length)} for more than an hour to be signed (RUNBOOK.md#evidence-unsigned)`)];
}

async function checkPauses({ settings, control }: CheckContext): Promise<CheckResult[]> {
  const scopes = [...(await readPausedScopes(settings, control))];
  if (scopes.length === 0) return [ok('nothing is paused')];
  return [warning(`paused: ${scopes.join(', ')}: npm run ops -- resume SCOPE --why "…" (RUNBOOK.md#paused)`)];
}

function countText(count: number): string {
  const number = count < maxReceipts ? String(count) : `at least ${maxReceipts}`;
  return `${number} receipt${count === 1 ? ' waits' : 's wait'}`;
}

/** Whether the public half of the key that evidence is signed with can be had. */
export const evidenceKeyCheck: Check = {
  name: 'evidence key',
  run: ({ signer, names, local }) => {
    const called = local === undefined ? names.evidenceKey : 'the key of npm start';
    return signer.publicKey().then(
      () => [ok(`${called}: its public half can be had`)],
      () => [
        bad(`${called}: cannot be had: is it enabled, and may you do kms:GetPublicKey? (RUNBOOK.md#evidence-unsigned)`),
      ],
    );
  },
};

/** Whether `npm start` is under way; only on this machine. */
export const localRunCheck: Check = {
  name: 'npm start',
  run: async ({ local }) => {
    if (local === undefined) return [];
    if (local.run === undefined)
      return [bad('is not running in the folder that DATA_DIR names: start it with npm start')];
    return [ok(`is running at ${local.run.url} since ${local.run.startedAt}`)];
  },
};
