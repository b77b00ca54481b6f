import { hash } from 'node:crypto';
import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { dateText, escapeHtml, htmlFile } from '../html.ts';
import { auditAnswers, isPartialResult } from './audit-report.ts';
import { type Reappearance, reappearanceHeading, reappearanceLines } from './signed-evidence.ts';

/** What a certificate says. The signature must be valid: the caller verifies it. */
interface CertificateInput {
  /** As signed. */
  readonly evidence: Evidence;
  /** The signed evidence, a compact JWS. */
  readonly jws: string;
  readonly keyId: string;
  /** When it was signed, in epoch milliseconds. */
  readonly at: number;
  readonly reappearances: readonly Reappearance[];
}

/**
 * Returns signed evidence as one HTML file for people who are not engineers. It prints on one A4 page, so long lists are cut
 * and say so. It loads nothing and runs no script; every value is escaped.
 */
export function certificateHtml({ evidence, jws, keyId, at, reappearances }: CertificateInput): string {
  const { heading, sentence } = summaryOf(evidence);
  const answers = auditAnswers(evidence).map(({ heading, lines }) => section(heading, shorten(lines)));
  const body = `<main>
<h1>${heading}</h1>
<p class="receipt">Receipt ${escapeHtml(evidence.receipt)}</p>
<p class="summary">${sentence}</p>
<div class="answers">
${answers.join('\n')}
${section(reappearanceHeading, shorten(reappearanceLines(reappearances)))}
${section('What this does not prove', limits)}
</div>
<footer>
<h2>Signature</h2>
<p>Signed on ${dateText(new Date(at).toISOString())} with the key <code>${escapeHtml(keyId)}</code>. The signature was valid when this page was made. Not this page but the file <code>evidence.jws</code> (from the operator) is the proof: compare its fingerprint, and verify its signature with the public key.</p>
<p>Fingerprint of that file (SHA-256): <code>${fingerprint(jws)}</code></p>
</footer>
</main>`;
  return htmlFile({ title: `${heading} ${escapeHtml(evidence.receipt)}`, style, body });
}

const limits = [
  'That no data is left anywhere: it says what was requested and what Voucherify replied, not more',
  'Who the person was: it contains no names. The operator can show with the command “find” that it is about a certain person',
  'That the service was not changed: a person who can change its code, or its table before the signature, can change what is signed',
] as const;

const record = 'Record of an erasure request';

/**
 * Returns the title, and the outcome in plain words. The outcome is `erased` if any project is: what does not hold for all of
 * them is said.
 */
function summaryOf({ outcome, decisions, projects, verification }: Evidence): {
  readonly heading: string;
  readonly sentence: string;
} {
  if (isPartialResult({ outcome, decisions })) return { heading: record, sentence: partial };
  if (verification?.result === 'stillPresent') return { heading: record, sentence: stillPresent };
  if (outcome !== 'erased') return { heading: record, sentence: sentences[outcome] };
  const differs = Object.values(projects).some(project => !['erased', 'no-match'].includes(project.outcome));
  return { heading: 'Certificate of erasure', sentence: `${sentences.erased}${differs ? notEverywhere : ''}` };
}

const partial =
  'An operator accepted a partial result: the deletions listed below are proved, and the rest was not completed.';
const stillPresent =
  'Voucherify confirmed the deletion, but it still returned a deleted customer an hour or more later: see “Was the customer gone afterwards?”.';
const notEverywhere = ' This does not hold for every project: see “What was done, and where?”.';

const sentences = {
  erased:
    'Every customer found for deletion was permanently deleted from Voucherify, and Voucherify confirmed it. This cannot be undone.',
  'no-match': 'No customer matched the request in Voucherify at that time, so nothing was deleted.',
  'not-identifiable':
    'The request contained no usable identifier for at least one place, so it is not known whether Voucherify has data of this person. Nothing was deleted.',
  'created-later': 'Every customer that matched was created after the request, so nothing was deleted.',
  refused:
    'An operator refused the request, or its platform withdrew it. The reason, and what was done before, are below.',
  open: 'The request is not finished.',
  'needs-review': 'The request waits for a decision of an operator.',
} as const satisfies Readonly<Record<Evidence['outcome'], string>>;

/** More would not fit on the page. */
const longestSection = 3;
const longestLine = 260;

function shorten(lines: readonly string[]): readonly string[] {
  const cut = lines.slice(0, longestSection).map(line => {
    const characters = [...line];
    return characters.length <= longestLine ? line : `${characters.slice(0, longestLine).join('')} … (cut)`;
  });
  const rest = lines.length - longestSection;
  return rest > 0 ? [...cut, `and ${rest} more in the signed evidence`] : cut;
}

function section(heading: string, lines: readonly string[]): string {
  const items = lines.map(line => `<li>${dateText(escapeHtml(line.trim()))}</li>`);
  return `<section><h2>${escapeHtml(heading)}</h2><ul>${items.join('')}</ul></section>`;
}

/** The digest of the file that `show --jws` and `export` write, so that `sha256sum` prints the same. In groups of eight. */
function fingerprint(jws: string): string {
  const digest = hash('sha256', `${jws}\n`);
  return digest.replaceAll(/.{8}(?!$)/g, '$& ');
}

const style = `
@page { size: A4; margin: 13mm 14mm; }
:root { color-scheme: light; }
* { box-sizing: border-box; margin: 0; }
body { background: #eceef1; color: #16191d; font: 15px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
main { background: #fff; margin: 1.5rem auto; max-width: 52rem; padding: clamp(1rem, 5vw, 3rem); }
h1 { font-size: 1.9em; line-height: 1.2; }
h2 { font-size: 1em; }
.receipt { color: #4b5563; font-size: .9em; }
.summary { border-left: .3em solid #1f6f4a; font-size: 1.15em; margin: 1em 0; padding: .2em 0 .2em .8em; }
section { border-top: 1px solid #d5d9de; padding: .5em 0; break-inside: avoid; }
ul { padding-left: 1.1em; }
footer { border-top: 2px solid #16191d; padding-top: .6em; }
li::first-letter { text-transform: uppercase; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
@media print {
  body { background: none; font-size: 8.6pt; line-height: 1.3; }
  main { margin: 0; max-width: none; padding: 0; }
  .summary { margin: .7em 0; }
  .answers { column-gap: 7mm; columns: 2; }
  section { padding: .35em 0; }
}
`;
