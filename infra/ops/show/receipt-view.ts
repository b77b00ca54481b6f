import { pinsKeptUntil } from '../../../lambda/receipts/closing.ts';
import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import {
  dueAtOf,
  hasRefusedLookUps,
  isFinal,
  isHeld,
  maxCustomersFor,
  type Receipt,
  wrongCustomerDeleted,
} from '../../../lambda/receipts/receipt.ts';
import { isDelayed } from '../../../lambda/receipts/transitions.ts';
import type { OpsContext } from '../context.ts';
import { maxCustomers } from '../decide.ts';
import { readStopping, reasonOf, usedPercent } from '../receipts.ts';
import { isoSeconds, oneLine, toned } from '../terminal.ts';
import { auditAnswers } from './audit-report.ts';
import {
  type Reappearance,
  reappearanceHeading,
  reappearanceLines,
  type SignatureVerdict,
  type SignedEvidence,
} from './signed-evidence.ts';

/** What `show` prints of one receipt: the evidence and its signature. */
export interface ReceiptView {
  readonly receipt: Receipt;
  readonly next: NextStep;
  readonly evidence: Evidence;
  readonly reappearances: readonly Reappearance[];
  readonly signature?: Omit<SignedEvidence, 'evidence'> & { readonly verdict: SignatureVerdict };
}

/** Returns the evidence and the current state, for scripts. */
export function buildJson({ receipt, next, evidence, reappearances, signature }: ReceiptView, now: number): object {
  const { queue, nextAttemptAt, claims, lastResult, newRequest } = receipt;
  return {
    ...evidence,
    reappearances,
    waitsFor: queue ?? null,
    nextAttemptAt: nextAttemptAt === undefined ? null : isoSeconds(nextAttemptAt),
    lastResult: lastResult ?? null,
    ...(next.commands.length === 0 ? {} : { next: next.commands }),
    ...(newRequest === undefined ? {} : { newRequest: { ...newRequest, at: isoSeconds(newRequest.at) } }),
    attempts: claims,
    dueAt: isoSeconds(dueAtOf(receipt)),
    deadlineUsedPercent: usedPercent(receipt, now),
    signed: signature !== undefined,
    ...(signature === undefined ? {} : { signature: { ...signature, at: isoSeconds(signature.at) } }),
  };
}

/** Returns the lines for a person. */
export function buildLines(view: ReceiptView, now: number): readonly string[] {
  const { receipt, evidence } = view;
  const sections = [
    ...auditAnswers(evidence),
    { heading: reappearanceHeading, lines: reappearanceLines(view.reappearances) },
    { heading: 'Signature', lines: signatureLines(view) },
  ];
  return [
    `receipt ${evidence.receipt}`,
    ...stateLines(receipt, now),
    ...newRequestLines(receipt),
    ...eraseAgainLines(receipt),
    ...nextLines(view.next),
    ...sections.flatMap(({ heading, lines }) => ['', heading, ...lines.map(line => `  ${line}`)]),
  ];
}

/** The state of the receipt and, if it is not finished, its next attempt. */
function stateLines(receipt: Receipt, now: number): readonly string[] {
  const { state, nextAttemptAt } = receipt;
  if (isFinal(state)) return [state];
  const used = `due at ${isoSeconds(dueAtOf(receipt))}, ${usedPercent(receipt, now)} % of the time used`;
  const isDecided = nextAttemptAt === undefined || state === 'needs-review';
  const at = isDelayed(receipt, now) ? (receipt.delayedUntil ?? 0) : (nextAttemptAt ?? 0);
  const next = isHeld(receipt) ? 'the legal hold' : isDecided ? 'a decision' : isoSeconds(at);
  return [`${state}: ${reasonOf(receipt)}`, `next attempt: after ${next}; ${used}`, ...lookUpLines(receipt)];
}

function nextLines({ facts, commands, section }: NextStep): readonly string[] {
  const heading = section === undefined ? [] : [`next: RUNBOOK.md#${section}`];
  return [...facts, ...heading, ...commands.map(command => `  ${command}`)];
}

/** The progress of look-ups that take several attempts. */
function lookUpLines({ projects }: Receipt): readonly string[] {
  return Object.entries(projects).flatMap(([project, progress]) => {
    const { lookedUp = 0, lookUpAgain = false } = progress;
    const isContinued = lookedUp > 0 && (lookUpAgain || !hasRefusedLookUps(progress));
    return isContinued ? [`project ${project}: ${lookedUp} look-ups done, continued at the next attempt`] : [];
  });
}

/** Not part of this receipt's evidence: the new request gets its own receipt. */
function newRequestLines({ newRequest }: Receipt): readonly string[] {
  if (newRequest === undefined) return [];
  const { at, actor, reason } = newRequest;
  return [oneLine(`new request allowed at ${isoSeconds(at)} by ${actor}: ${reason}`)];
}

/** The other receipt has its own evidence. */
function eraseAgainLines({ eraseAgain, erasesAgain }: Receipt): readonly string[] {
  const first = erasesAgain === undefined ? [] : [`deletes again the customers of receipt ${erasesAgain}`];
  if (eraseAgain === undefined) return first;
  const { at, actor, reason } = eraseAgain;
  return [
    ...first,
    oneLine(`deletion repeated for a new receipt, as decided at ${isoSeconds(at)} by ${actor}: ${reason}`),
  ];
}

/** What `show` says of a signature. */
export const verdictTexts: Readonly<Record<SignatureVerdict, string>> = {
  good: 'the signature is valid',
  bad: 'THE SIGNATURE IS INVALID: the evidence was changed',
  'another-key': 'signed with another key: verify it with the key set published at that time',
  unchecked: 'the signature was not verified: the key is unavailable',
};

function signatureLines({ receipt, signature }: ReceiptView): readonly string[] {
  if (signature === undefined) return [unsignedLine(receipt)];
  const { keyId, at, verdict, disagreeing } = signature;
  const result = verdict === 'bad' ? toned('bad', verdictTexts.bad) : verdictTexts[verdict];
  const row = `THE RECEIPT DIFFERS FROM THE SIGNED EVIDENCE: ${disagreeing.join(', ')}`;
  return [
    `signed at ${isoSeconds(at)} with the key ${keyId}; ${result}`,
    disagreeing.length === 0 ? 'the receipt matches the signed evidence' : toned('bad', row),
  ];
}

function unsignedLine({ queue, closedAt }: Receipt): string {
  if (closedAt === undefined) return 'not signed: the receipt is not closed yet';
  return queue === undefined
    ? toned('bad', 'THE SIGNATURE IS MISSING: the receipt is finished but not signed')
    : queue === 'callback'
      ? 'not signed yet: signed after the callbacks are delivered'
      : 'not signed yet: signed after the deleted customers are looked up again, at least a minute after the deletion';
}

/** What an operator can do about an unfinished receipt: what to know first, and the commands. */
export interface NextStep {
  readonly facts: readonly string[];
  readonly commands: readonly string[];
  readonly section?: string;
}

const why = '--why "…"';

/** Returns the next step for a receipt; nothing to do for a closed one. Throws if the pauses cannot be read. */
export async function nextStepFor(receipt: Receipt, context: OpsContext): Promise<NextStep> {
  if (isFinal(receipt.state)) return stepOfClosed(receipt, context);
  if (receipt.state === 'open') return stepOfOpen(receipt, context);
  const { id, reason = '' } = receipt;
  if (isHeld(receipt)) return heldStep(receipt, context);
  const section = reason === wrongCustomerDeleted ? wrongCustomerDeleted : 'needs-review';
  return { ...reviewStep(id, reason, receipt, context), section };
}

/** Only customers that are still present can be deleted again, once and while their pins are kept. */
function stepOfClosed(receipt: Receipt, { now }: OpsContext): NextStep {
  const isKept = now() < (pinsKeptUntil(receipt) ?? 0);
  const canErase = isKept && receipt.queue !== 'sign' && receipt.eraseAgain === undefined;
  if (!canErase) return { facts: [], commands: [] };
  return {
    facts: [],
    commands: [`npm run ops -- erase-again ${receipt.id} ${why}`],
    section: 'erased-person-still-present',
  };
}

/** An open receipt is tried again without a command, unless a pause stops it. A delayed one can still be refused. */
async function stepOfOpen(receipt: Receipt, context: OpsContext): Promise<NextStep> {
  const { pauses, facts } = await readStopping(receipt, context);
  const resume = pauses.map(scope => `npm run ops -- resume ${scope} ${why}`);
  if (pauses.length > 0) return { facts, commands: ['npm run ops -- pauses', ...resume], section: 'paused' };
  if (!isDelayed(receipt, context.now())) return { facts, commands: [] };
  const commands = [`npm run ops -- preview ${receipt.id}`, `npm run ops -- refuse ${receipt.id} ${why}`];
  return { facts, commands, section: 'legal-hold' };
}

/** A held receipt continues by itself when its legal holds have ended. */
async function heldStep(receipt: Receipt, context: OpsContext): Promise<NextStep> {
  const { legalHolds, facts } = await readStopping(receipt, context);
  const by = isoSeconds(receipt.nextAttemptAt ?? context.now());
  const ended = legalHolds.length === 0 ? [`its legal hold has ended: it continues by itself after ${by}`] : [];
  const release = legalHolds.length === 0 ? [] : [`npm run ops -- release ${legalHolds.join(' ')} ${why}`];
  return {
    facts: [...ended, ...facts],
    commands: ['npm run ops -- holds', ...release, `npm run ops -- refuse ${receipt.id} ${why}`],
    section: 'legal-hold',
  };
}

function reviewStep(id: string, reason: string, receipt: Receipt, context: OpsContext): NextStep {
  const [retry, refuse, accept] = ['retry', 'refuse', 'accept-partial'].map(name => `npm run ops -- ${name} ${id}`);
  if (reason === 'too-many-matches') return tooManyStep(`${retry}`, `${refuse} ${why}`, receipt, context);
  if (reason === wrongCustomerDeleted)
    return { facts: [], commands: [`npm run ops -- pause all ${why}`, `${refuse} ${why}`] };
  if (reason === 'other-app-id') return { facts: [], commands: [`${retry} ${why}`, `${retry} --same-project ${why}`] };
  if (reason === 'unseen-unproven') return { facts: [], commands: [`${accept} ${why}`] };
  if (['identifiers-missing', 'pins-missing', 'source-id-spelling'].includes(reason))
    return { facts: [], commands: [`${refuse} ${why}`] };
  if (Object.values(receipt.projects).some(hasRefusedLookUps))
    return { facts: [], commands: [`${retry} ${why}`, `${accept} ${why}`] };
  return { facts: [], commands: ['npm run ops -- doctor', `${retry} ${why}`] };
}

function tooManyStep(retry: string, refuse: string, receipt: Receipt, { settings }: OpsContext): NextStep {
  const own = maxCustomersFor(receipt);
  const limit = own ?? settings.limits.customersPerRequest;
  const source = own === undefined ? 'customersPerRequest' : 'your last decision';
  const found = Object.entries(receipt.projects).flatMap(([project, { matched }]) =>
    matched === undefined ? [] : [[project, matched] as const],
  );
  const most = Math.max(0, ...found.map(([, matched]) => matched));
  const facts = found.map(
    ([project, matched]) =>
      `project ${project}: at least ${matched} customers match; the limit is ${limit} (${source})`,
  );
  return {
    facts,
    commands: most > maxCustomers ? [refuse] : [`${retry} --max ${Math.max(most, limit + 1)} ${why}`, refuse],
  };
}
