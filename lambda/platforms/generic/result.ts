import type { Deletion, Outcome } from '../../domain/erasure.ts';
import type { ErasureResult } from '../platform.ts';

/** The part of a result that replies and callbacks tell. */
export type ToldResult = Pick<ErasureResult, 'reference' | 'receiptId' | 'outcome' | 'receivedAt'>;

export type OutcomeWord = (typeof words)[keyof typeof words];

const words = {
  erased: 'erased',
  'no-match': 'no_match',
  'created-later': 'created_later',
  'not-identifiable': 'not_identifiable',
  refused: 'refused',
  'in-progress': 'in_progress',
  'needs-review': 'needs_review',
} as const satisfies Readonly<Record<Outcome['kind'], string>>;

/** Returns the word of an outcome, as in settings and replies. */
export function wordOf({ kind }: Pick<Outcome, 'kind'>): OutcomeWord {
  return words[kind];
}

/** Returns what settings hold for an outcome. What they say for no match is used for `created_later` too, unless they name it. */
export function valueFor<T>(values: { readonly [word in OutcomeWord | '*']?: T }, word: OutcomeWord): T | undefined {
  const similar = word === 'created_later' ? values.no_match : undefined;
  return values[word] ?? similar ?? values['*'];
}

/** Returns the variables of a result for templates. */
export function resultVariables({
  reference,
  receiptId,
  outcome,
  receivedAt,
}: ToldResult): Readonly<Record<string, unknown>> {
  const common = { reference, receipt: receiptId, outcome: wordOf(outcome), received: isoTime(receivedAt) };
  if (!('deletions' in outcome)) return { ...common, final: false, expected: isoTime(outcome.expectedAt) };
  const at = isoTime(outcome.at);
  return { ...common, final: true, count: outcome.deletions.length, expected: at, completed: at };
}

/** Returns the body for a platform that has none in settings. */
export function resultBody({ reference, receiptId, outcome }: ToldResult): object {
  const isFinal = 'deletions' in outcome;
  const open = { request_id: reference, receipt_id: receiptId, status: wordOf(outcome), final: isFinal };
  if (!isFinal) return { ...open, deletions: [] };
  return { ...open, deletions: outcome.deletions.map(deletionBody), completed_at: isoTime(outcome.at) };
}

/** As Voucherify returned it. A customer that was already gone has no such response. */
function deletionBody({ project, proof, received }: Deletion) {
  return received === undefined ? { project, proof } : { project, ...received };
}

/** The outcomes of a list, in the order in which one of them stands for all. */
const order: readonly OutcomeWord[] = [
  'needs_review',
  'in_progress',
  'refused',
  'not_identifiable',
  'created_later',
  'erased',
  'no_match',
];

/** Returns the result that stands for several: one that is not final, or that is no success, comes before others. */
export function leadingResult(results: readonly ErasureResult[]): ErasureResult | undefined {
  const rank = ({ outcome }: ErasureResult) => order.indexOf(wordOf(outcome));
  return results.toSorted((a, b) => rank(a) - rank(b))[0];
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
