import { evidenceOf } from '../../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command, OpsContext } from '../context.ts';
import { readReceiptLike } from '../receipts.ts';
import type { Output } from '../terminal.ts';
import { certificateHtml } from './certificate.ts';
import { buildJson, buildLines, nextStepFor, type ReceiptView, verdictTexts } from './receipt-view.ts';
import { parseSignedEvidence, readReappearances, verifySignature } from './signed-evidence.ts';

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
  if (verdict !== 'good') return reportError(`no certificate: ${verdictTexts[verdict]}`);
  if (disagreeing.length > 0) return reportError('no certificate: the receipt differs from the signed evidence');
  output.print(certificateHtml({ evidence, jws: receipt.evidence, keyId, at, reappearances }));
  return 0;
}

/** The signature follows the verification, which is a minute after the deletion at the earliest. */
const notSignedYet = 'not signed yet: this usually takes some minutes after the end; try again later';

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

function printReceipt(view: ReceiptView, now: number, output: Output): void {
  if (output.json) output.printJson(buildJson(view, now));
  else for (const line of buildLines(view, now)) output.print(line, line.startsWith(commandIndent) ? undefined : 4);
}

/** A wrapped command could not be copied. */
const commandIndent = '  npm run ';
