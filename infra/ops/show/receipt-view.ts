import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { dueAtOf, hasRefusedLookUps, isFinal, isHeld, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { isDelayed } from '../../../lambda/receipts/transitions.ts';
import { reasonOf, usedPercent } from '../receipts.ts';
import { isoSeconds, oneLine, toned } from '../terminal.ts';
import { auditAnswers } from './audit-report.ts';
import type { NextStep } from './next-step.ts';
import { type Reappearance, reappearanceHeading, reappearanceLines } from './reappearances.ts';
import type { SignatureVerdict, SignedEvidence } from './signed-evidence.ts';

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
