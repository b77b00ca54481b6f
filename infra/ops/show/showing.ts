import { evidenceOf } from '../../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { Command, ParsedArgs } from '../command.ts';
import type { OpsContext } from '../desk.ts';
import type { Output } from '../output.ts';
import { OpsUsageError } from '../refused.ts';
import { printReceipt, type ReceiptView } from './shown.ts';
import { parseSignedEvidence, verifySignature } from './signed-evidence.ts';

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
