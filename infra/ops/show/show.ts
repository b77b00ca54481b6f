import { type Evidence, evidenceOf } from '../../../lambda/receipts/evidence.ts';
import { dueAtOf, isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import { reasonOf, usedPercent } from '../receipts.ts';
import { instant, type Output, oneLine, toned } from '../terminal.ts';
import { auditAnswers } from './audit-report.ts';
import { parseSignedEvidence, type SignatureVerdict, type SignedEvidence, verifySignature } from './signed-evidence.ts';

export const showCommand: Command = {
  summary: 'one receipt: what was asked, what was done, how sure that is, and who was told',
  options: { jws: { type: 'boolean' } },
  help: `npm run ops -- show RECEIPT [--jws]

Answers what an auditor asks of one erasure, and says what stays elsewhere. Of a signed receipt it shows what was signed,
checks the signature, and says so where it is missing, cannot be checked with the key in use, or says something else than
the receipt (exit code 1).

  --jws           only the signed evidence, a compact JWS (RFC 7515); exit code 1 where it is not signed yet

  npm run ops -- show RECEIPT
  npm run -s ops -- show RECEIPT --json | jq .outcome
  npm run -s ops -- show RECEIPT --jws > evidence.jws
`,
  run: show,
};

async function show(typed: ParsedArgs, desk: OpsContext, output: Output): Promise<number> {
  const [id, ...others] = typed.positionals;
  if (id === undefined || others.length > 0) throw new OpsUsageError('show: name one receipt');
  const receipt = await desk.store.read(id);
  if (receipt === undefined) return wrong('no such receipt');
  if (typed.isSet('jws')) return receipt.evidence === undefined ? unsigned(receipt) : printed(receipt.evidence, output);
  const shown = await shownOf(receipt, desk);
  if (shown === undefined) return wrong('its evidence has a form that this version does not know: see it with --jws');
  printReceipt(shown, desk.now(), output);
  return isInOrder(shown) ? 0 : 1;
}

/** What was signed is what is shown. */
async function shownOf(receipt: Receipt, { signer }: OpsContext): Promise<ReceiptView | undefined> {
  if (receipt.evidence === undefined) return { receipt, evidence: evidenceOf(receipt) };
  const signed = parseSignedEvidence(receipt, receipt.evidence);
  if (signed === undefined) return undefined;
  const { evidence, ...signature } = signed;
  const verdict = await verifySignature(receipt.evidence, signature.keyId, () => signer.publicKey());
  return { receipt, evidence, signature: { ...signature, verdict } };
}

/** What waits is not signed yet; everything else is signed, by the key in use, and says what was signed. */
function isInOrder({ receipt, signature }: ReceiptView): boolean {
  if (signature === undefined) return receipt.queue !== undefined;
  return signature.verdict === 'good' && signature.disagreeing.length === 0;
}

function printed(jws: string, output: Output): number {
  output.print(jws);
  return 0;
}

function unsigned({ queue, closedAt }: Receipt): number {
  if (closedAt === undefined) return wrong('not signed: it has not ended yet');
  return wrong(
    queue === undefined ? 'THE SIGNATURE IS MISSING: it is closed, and nothing waits for one' : 'not signed yet',
  );
}

function wrong(line: string): number {
  console.error(line);
  return 1;
}

/** One receipt as `show` shows it: the evidence, and whose signature it bears. */
export interface ReceiptView {
  readonly receipt: Receipt;
  readonly evidence: Evidence;
  readonly signature?: Omit<SignedEvidence, 'evidence'> & { readonly verdict: SignatureVerdict };
}

export function printReceipt(shown: ReceiptView, now: number, output: Output): void {
  if (output.json) output.printJson(asJson(shown, now));
  else for (const line of textOf(shown, now)) output.print(line);
}

/** The evidence itself, and beside it what scripts ask for. */
function asJson({ receipt, evidence, signature }: ReceiptView, now: number): object {
  const { queue, nextAttemptAt, claims, lastResult, newRequest } = receipt;
  return {
    ...evidence,
    waitsFor: queue ?? null,
    nextAttemptAt: nextAttemptAt === undefined ? null : instant(nextAttemptAt),
    lastResult: lastResult ?? null,
    ...(newRequest === undefined ? {} : { newRequest: { ...newRequest, at: instant(newRequest.at) } }),
    attempts: claims,
    dueAt: instant(dueAtOf(receipt)),
    deadlineUsedPercent: usedPercent(receipt, now),
    signed: signature !== undefined,
    ...(signature === undefined ? {} : { signature: { ...signature, at: instant(signature.at) } }),
  };
}

function textOf(shown: ReceiptView, now: number): readonly string[] {
  const { receipt, evidence } = shown;
  const sections = [...auditAnswers(evidence), { heading: 'Is it signed?', lines: signatureLines(shown) }];
  return [
    `receipt ${evidence.receipt}`,
    ...standingLines(receipt, now),
    ...newRequestLines(receipt),
    ...sections.flatMap(({ heading, lines }) => ['', heading, ...lines.map(line => `  ${line}`)]),
  ];
}

/** How a receipt that is not finished goes on. */
function standingLines(receipt: Receipt, now: number): readonly string[] {
  const { state, nextAttemptAt } = receipt;
  if (isFinal(state)) return [state];
  const used = `${usedPercent(receipt, now)} % of its time is used, it is due at ${instant(dueAtOf(receipt))}`;
  const next = nextAttemptAt === undefined || state === 'needs-review' ? 'your decision' : instant(nextAttemptAt);
  return [`${state}: ${reasonOf(receipt)}`, `goes on after ${next}; ${used}`, ...lookUpLines(receipt)];
}

/** How far a project has come whose look-ups take several attempts. */
function lookUpLines({ projects }: Receipt): readonly string[] {
  return Object.entries(projects).flatMap(([project, { lookedUp = 0 }]) =>
    lookedUp > 0 ? [`project ${project}: completed look-ups that the next attempt goes on from: ${lookedUp}`] : [],
  );
}

/** Not part of the evidence of this receipt: the request that it allows has a receipt of its own. */
function newRequestLines({ newRequest }: Receipt): readonly string[] {
  if (newRequest === undefined) return [];
  const { at, actor, reason } = newRequest;
  return [oneLine(`new request allowed at ${instant(at)} by ${actor}: ${reason}`)];
}

const verdicts: Readonly<Record<SignatureVerdict, string>> = {
  good: 'the signature is good',
  bad: 'THE SIGNATURE IS WRONG: this is not what was signed',
  'another-key': 'the key in use is another one: check it with the key set that was published then',
  unchecked: 'the signature was not checked: the key cannot be asked',
};

function signatureLines({ receipt, signature }: ReceiptView): readonly string[] {
  if (signature === undefined) return [unsignedLine(receipt)];
  const { keyId, at, verdict, disagreeing } = signature;
  const judged = verdict === 'bad' ? toned('bad', verdicts.bad) : verdicts[verdict];
  const row = `THE RECEIPT SAYS SOMETHING ELSE NOW THAN WHAT WAS SIGNED: ${disagreeing.join(', ')}`;
  return [
    `signed at ${instant(at)} with the key ${keyId}; ${judged}`,
    disagreeing.length === 0 ? 'the receipt says what was signed' : toned('bad', row),
  ];
}

function unsignedLine({ queue, closedAt }: Receipt): string {
  if (closedAt === undefined) return 'not signed: it has not ended yet';
  return queue === undefined
    ? toned('bad', 'THE SIGNATURE IS MISSING: it is closed, and nothing waits for one')
    : 'not signed yet: it is signed when its platform was told';
}
