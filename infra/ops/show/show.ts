import { type Evidence, evidenceOf } from '../../../lambda/receipts/evidence.ts';
import { isDelayed } from '../../../lambda/receipts/preview.ts';
import { dueAtOf, hasRefusedLookUps, isFinal, isHeld, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { readReceiptLike, reasonOf, usedPercent } from '../receipts.ts';
import { isoSeconds, type Output, oneLine, toned } from '../terminal.ts';
import { auditAnswers } from './audit-report.ts';
import { certificateHtml } from './certificate.ts';
import { type NextStep, nextStepFor } from './next-step.ts';
import { type Reappearance, readReappearances, reappearanceHeading, reappearanceLines } from './reappearances.ts';
import { parseSignedEvidence, type SignatureVerdict, type SignedEvidence, verifySignature } from './signed-evidence.ts';

export const showCommand: Command = {
  summary: 'show one receipt: request, deletions, proof, decisions, callbacks',
  options: { jws: { type: 'boolean' }, html: { type: 'boolean' } },
  help: `npm run ops -- show RECEIPT [--jws | --html]

Answers the questions of an auditor about one erasure, and lists where data can
remain. For a signed receipt it shows the signed evidence and verifies the
signature. The exit code is 1 if the signature is missing, is invalid, cannot be
verified with the current key, or if the receipt differs from its evidence.

RECEIPT may be the beginning of an id, if it is unique (at least 6 characters).

  --jws           only the signed evidence, a compact JWS (RFC 7515); exit code
                  1 if it is not signed yet
  --html          a certificate for people who are not engineers: one HTML file
                  that prints on one A4 page. Only for a receipt whose signature
                  is valid; otherwise nothing is written, and the exit code is 1

  npm run ops -- show RECEIPT
  npm run -s ops -- show RECEIPT --json | jq .outcome
  npm run -s ops -- show RECEIPT --jws > evidence.jws
  npm run -s ops -- show RECEIPT --html > certificate.html
`,
  run: show,
};

async function show(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  const [id, ...others] = args.positionals;
  if (id === undefined || others.length > 0) throw new OpsUsageError('show: give one receipt id');
  if (args.isSet('html') && (args.isSet('jws') || args.isSet('json')))
    throw new OpsUsageError('show: only one of --html, --jws and --json');
  const receipt = await readReceiptLike(id, context, output);
  if (receipt === undefined) return reportError('receipt not found');
  if (args.isSet('jws'))
    return receipt.evidence === undefined ? reportUnsigned(receipt) : printJws(receipt.evidence, output);
  const view = await readView(receipt, context);
  if (view === undefined) return reportError('its evidence has an unknown format: print it with --jws');
  if (args.isSet('html')) return printCertificate(view, output);
  printReceipt(view, context.now(), output);
  return isValid(view) ? 0 : 1;
}

/** Shows the signed evidence, or for an unsigned receipt, its evidence so far. */
async function readView(receipt: Receipt, context: OpsContext): Promise<ReceiptView | undefined> {
  const { signer, store } = context;
  const publicKey = () => signer.publicKey();
  const next = await nextStepFor(receipt, context);
  const reappearances = await readReappearances(receipt, store, publicKey);
  if (receipt.evidence === undefined) return { receipt, next, evidence: evidenceOf(receipt), reappearances };
  const signed = parseSignedEvidence(receipt, receipt.evidence);
  if (signed === undefined) return undefined;
  const { evidence, ...signature } = signed;
  const verdict = await verifySignature(receipt.evidence, signature.keyId, publicKey);
  return { receipt, next, evidence, reappearances, signature: { ...signature, verdict } };
}

/** An unfinished receipt may be unsigned. A finished one needs a valid signature and must match its evidence. */
function isValid({ receipt, signature, reappearances }: ReceiptView): boolean {
  if (reappearances.some(({ verdict }) => verdict !== 'good' && verdict !== 'unsigned')) return false;
  if (signature === undefined) return receipt.queue !== undefined;
  return signature.verdict === 'good' && signature.disagreeing.length === 0;
}

function printJws(jws: string, output: Output): number {
  output.print(jws);
  return 0;
}

/** Prints nothing unless the evidence is proved: a page that looks like a certificate must be one. */
function printCertificate({ receipt, evidence, signature, reappearances }: ReceiptView, output: Output): number {
  if (signature === undefined || receipt.evidence === undefined) return reportUnsigned(receipt);
  const { verdict, disagreeing, keyId, at } = signature;
  if (verdict !== 'good') return reportError(`no certificate: ${verdicts[verdict]}`);
  if (disagreeing.length > 0) return reportError('no certificate: the receipt differs from the signed evidence');
  output.print(certificateHtml({ evidence, jws: receipt.evidence, keyId, at, reappearances }));
  return 0;
}

/** The signature follows the verification, which is a minute after the deletion at the earliest. */
const notSignedYet = 'not signed yet: this takes some minutes after the end; try again later';

function reportUnsigned({ queue, closedAt }: Receipt): number {
  if (closedAt === undefined) return reportError('not signed: the receipt is not closed yet');
  return reportError(
    queue === undefined ? 'THE SIGNATURE IS MISSING: the receipt is finished but not signed' : notSignedYet,
  );
}

function reportError(line: string): number {
  console.error(line);
  return 1;
}

/** What `show` prints of one receipt: the evidence and its signature. */
interface ReceiptView {
  readonly receipt: Receipt;
  readonly next: NextStep;
  readonly evidence: Evidence;
  readonly reappearances: readonly Reappearance[];
  readonly signature?: Omit<SignedEvidence, 'evidence'> & { readonly verdict: SignatureVerdict };
}

function printReceipt(view: ReceiptView, now: number, output: Output): void {
  if (output.json) output.printJson(buildJson(view, now));
  else for (const line of buildLines(view, now)) output.print(line, line.startsWith(commandIndent) ? undefined : 4);
}

/** A wrapped command could not be copied. */
const commandIndent = '  npm run ';

/** Returns the evidence and the current state, for scripts. */
function buildJson({ receipt, next, evidence, reappearances, signature }: ReceiptView, now: number): object {
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

function buildLines(view: ReceiptView, now: number): readonly string[] {
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
  const at = isDelayed(receipt, now) ? (receipt.heldUntil ?? 0) : (nextAttemptAt ?? 0);
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

const verdicts: Readonly<Record<SignatureVerdict, string>> = {
  good: 'the signature is valid',
  bad: 'THE SIGNATURE IS INVALID: the evidence was changed',
  'another-key': 'signed with another key: verify it with the key set published at that time',
  unchecked: 'the signature was not verified: the key is unavailable',
};

function signatureLines({ receipt, signature }: ReceiptView): readonly string[] {
  if (signature === undefined) return [unsignedLine(receipt)];
  const { keyId, at, verdict, disagreeing } = signature;
  const result = verdict === 'bad' ? toned('bad', verdicts.bad) : verdicts[verdict];
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
