import type { Outcome } from '../../domain/erasure.ts';
import type { ErasureResult } from '../platform.ts';
import { variablesIn } from './template.ts';

/** The part of a result that replies and callbacks contain. */
export type ToldResult = Pick<ErasureResult, 'reference' | 'receiptId' | 'outcome' | 'receivedAt'>;

export type OutcomeWord = (typeof words)[keyof typeof words];

/** In the order in which one outcome represents those of a list: not final, no success, then the others. */
const words = {
  'needs-review': 'needs_review',
  'in-progress': 'in_progress',
  refused: 'refused',
  'not-identifiable': 'not_identifiable',
  'created-later': 'created_later',
  erased: 'erased',
  'no-match': 'no_match',
} as const satisfies Readonly<Record<Outcome['kind'], string>>;

/** Returns the word of an outcome, as in settings and replies. */
export function wordOf({ kind }: Pick<Outcome, 'kind'>): OutcomeWord {
  return words[kind];
}

/** Returns the result that represents several. */
export function leadingResult(results: readonly ErasureResult[]): ErasureResult | undefined {
  const rank = ({ outcome }: ErasureResult) => Object.values(words).indexOf(wordOf(outcome));
  return results.toSorted((a, b) => rank(a) - rank(b))[0];
}

/**
 * Returns the value in settings for an outcome. The one for no match is also used for `created_later`, unless that has
 * its own.
 */
export function valueFor<T>(values: { readonly [word in OutcomeWord | '*']?: T }, word: OutcomeWord): T | undefined {
  const similar = word === 'created_later' ? values.no_match : undefined;
  return values[word] ?? similar ?? values['*'];
}

const telling = ['outcome', 'final', 'completed', 'count'];

/** Returns whether two outcomes have different bodies in settings, so that a platform can distinguish them. */
export function areDistinct(one: unknown, other: unknown): boolean {
  const isTelling = variablesIn(one).some(name => telling.includes(name));
  return isTelling || JSON.stringify(one) !== JSON.stringify(other);
}

/** Returns the variables of a result for templates. */
export function resultVariables(result: ToldResult): Readonly<Record<string, unknown>> {
  const { reference, receiptId: receipt, outcome, receivedAt } = result;
  const common = { reference, receipt, outcome: wordOf(outcome), received: isoTime(receivedAt) };
  if (!('deletions' in outcome)) return { ...common, final: false, expected: isoTime(outcome.expectedAt) };
  const at = isoTime(outcome.at);
  return { ...common, final: true, count: outcome.deletions.length, expected: at, completed: at };
}

/** Returns the body for a platform that has none in settings. */
export function resultBody({ reference, receiptId, outcome }: ToldResult): object {
  const isFinal = 'deletions' in outcome;
  const open = { request_id: reference, receipt_id: receiptId, status: wordOf(outcome), final: isFinal };
  if (!isFinal) return { ...open, deletions: [] };
  // As Voucherify returned them. A customer that was already gone has no such response.
  const deletions = outcome.deletions.map(({ project, proof, received }) => ({ project, ...(received ?? { proof }) }));
  return { ...open, deletions, completed_at: isoTime(outcome.at) };
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
