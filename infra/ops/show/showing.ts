import { evidenceOf } from '../../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { Command, Typed } from '../command.ts';
import type { Desk } from '../desk.ts';
import type { Output } from '../output.ts';
import { Refused } from '../refused.ts';
import { printShown, type Shown } from './shown.ts';
import { signedEvidenceIn, verdictOn } from './signed-evidence.ts';

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

async function show(typed: Typed, desk: Desk, output: Output): Promise<number> {
  const [id, ...others] = typed.positionals;
  if (id === undefined || others.length > 0) throw new Refused('show: name one receipt');
  const receipt = await desk.store.read(id);
  if (receipt === undefined) return wrong('no such receipt');
  if (typed.isSet('jws')) return receipt.evidence === undefined ? unsigned(receipt) : printed(receipt.evidence, output);
  const shown = await shownOf(receipt, desk);
  if (shown === undefined) return wrong('its evidence has a form that this version does not know: see it with --jws');
  printShown(shown, desk.now(), output);
  return isInOrder(shown) ? 0 : 1;
}

/** What was signed is what is shown. */
async function shownOf(receipt: Receipt, { signer }: Desk): Promise<Shown | undefined> {
  if (receipt.evidence === undefined) return { receipt, evidence: evidenceOf(receipt) };
  const signed = signedEvidenceIn(receipt, receipt.evidence);
  if (signed === undefined) return undefined;
  const { evidence, ...signature } = signed;
  const verdict = await verdictOn(receipt.evidence, signature.keyId, () => signer.publicKey());
  return { receipt, evidence, signature: { ...signature, verdict } };
}

/** What waits is not signed yet; everything else is signed, by the key in use, and says what was signed. */
function isInOrder({ receipt, signature }: Shown): boolean {
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
