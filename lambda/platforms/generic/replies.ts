import { Failure, retryAfterSeconds } from '../../domain/failure.ts';
import { emptyReply, type HttpReply, jsonReply } from '../../domain/http.ts';
import type { ErasureResult } from '../platform.ts';
import {
  areDistinct,
  leadingResult,
  type OutcomeWord,
  resultBody,
  resultVariables,
  valueFor,
  wordOf,
} from './outcomes.ts';
import type { Answers } from './schema.ts';
import { bodyText, compileBody, type TemplateVariables } from './template.ts';

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
