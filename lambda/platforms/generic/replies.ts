import type { Outcome } from '../../domain/erasure.ts';
import { Failure, retryAfterSeconds } from '../../domain/failure.ts';
import { emptyReply, type HttpReply, jsonReply } from '../../domain/http.ts';
import type { ErasureResult } from '../platform.ts';
import type { Answers } from './schema.ts';
import { bodyText, compileBody, type TemplateVariables, variablesIn } from './template.ts';

type Key = OutcomeWord | 'ignored' | 'test';
type Render = (variables: TemplateVariables) => HttpReply;

/** Builds the replies of one route. */
export interface Replies {
  /** Returns the reply to requests with results: the outcome that represents them decides. */
  toResults(results: readonly ErasureResult[], message: TemplateVariables): HttpReply;
  toOther(key: 'ignored' | 'test', message: TemplateVariables): HttpReply;
  /** Returns the status and source of an outcome's reply, for `ops explain`. */
  describe(key: Key): { readonly status: number; readonly isDefault: boolean };
}

/** Parses the replies in settings once. Outcomes without one get the default reply. */
export function compileReplies(answers: Answers = {}): Replies {
  const compiled: { readonly [key in Key | '*']?: Render } = Object.fromEntries(
    Object.entries(answers).map(([key, one]) => [key, compile(one)]),
  );
  const find = <T>(values: { readonly [key in Key | '*']?: T }, key: Key) =>
    key === 'ignored' || key === 'test' ? values[key] : valueFor(values, key);
  return {
    toResults: (results, message) => {
      const leading = leadingResult(results);
      if (leading === undefined) throw new Failure('internal', 'there is no result');
      const own = resultVariables(leading);
      const variables = (name: string) => (Object.hasOwn(own, name) ? own[name] : message(name));
      const render = find(compiled, wordOf(leading.outcome)) ?? (() => defaultReply(leading, results));
      return withRetryAfter(leading, render(variables));
    },
    toOther: (key, message) => find(compiled, key)?.(message) ?? jsonReply(200, { status: key, final: true }),
    describe: key => {
      const answer = find<{ readonly status: number }>(answers, key);
      return { status: answer?.status ?? defaultStatus(key), isDefault: answer === undefined };
    },
  };
}

function compile({ status, headers = {}, body }: NonNullable<Answers[keyof Answers]>): Render {
  const template = compileBody(body);
  return variables => {
    const value = template(variables);
    if (value === undefined) return { ...emptyReply(status), headers };
    return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: bodyText(value) };
  };
}

function defaultStatus(key: Key): number {
  return key === 'in_progress' || key === 'needs_review' ? 202 : 200;
}

function defaultReply(leading: ErasureResult, results: readonly ErasureResult[]): HttpReply {
  const status = wordOf(leading.outcome);
  const list = { status, final: 'deletions' in leading.outcome, orders: results.map(resultBody) };
  return jsonReply(defaultStatus(status), results.length === 1 ? resultBody(leading) : list);
}

function withRetryAfter({ outcome }: ErasureResult, reply: HttpReply): HttpReply {
  if ('deletions' in outcome) return reply;
  return { ...reply, headers: { 'Retry-After': String(retryAfterSeconds), ...reply.headers } };
}

/**
 * Returns whether a platform can distinguish an outcome from an erasure by its reply. The default replies contain the
 * outcome.
 */
export function repliesTell(word: OutcomeWord, answers: Answers = {}): boolean {
  const [one, other] = [valueFor(answers, word), valueFor(answers, 'erased')];
  return one === undefined || other === undefined || one.status !== other.status || areDistinct(one.body, other.body);
}

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
function leadingResult(results: readonly ErasureResult[]): ErasureResult | undefined {
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
