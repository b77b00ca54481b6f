import { Failure, retryAfterSeconds } from '../../domain/failure.ts';
import { emptyReply, type HttpReply, jsonReply } from '../../domain/http.ts';
import type { ErasureResult } from '../platform.ts';
import { leadingResult, type OutcomeWord, resultBody, resultVariables, valueFor, wordOf } from './result.ts';
import type { Answers } from './schema.ts';
import { type BodyTemplate, bodyText, compileBody, type TemplateVariables, textsIn } from './template.ts';

type Key = OutcomeWord | 'ignored' | 'test';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: BodyTemplate | undefined;
}

/** Builds the replies of one route. */
export interface Replies {
  /** Returns the reply to requests with results: the outcome that stands for them decides. */
  toResults(results: readonly ErasureResult[], message: TemplateVariables): HttpReply;
  toOther(key: 'ignored' | 'test', message: TemplateVariables): HttpReply;
  /** Returns the status and source of an outcome's reply, for `ops explain`. */
  describe(key: Key): { readonly status: number; readonly isDefault: boolean };
}

/** Parses the replies in settings once. Outcomes without one get the default reply. */
export function compileReplies(answers: Answers | undefined): Replies {
  const compiled: { readonly [key in Key | '*']?: Answer } = Object.fromEntries(
    Object.entries(answers ?? {}).map(([key, one]) => [key, compile(one)]),
  );
  const find = (key: Key) => (key === 'ignored' || key === 'test' ? compiled[key] : valueFor(compiled, key));
  return {
    toResults: (results, message) => {
      const leading = leadingResult(results);
      if (leading === undefined) throw new Failure('internal', 'there is no result');
      const answer = find(wordOf(leading.outcome));
      return withRetryAfter(
        leading,
        answer === undefined ? defaultReply(leading, results) : render(answer, variablesFor(leading, message)),
      );
    },
    toOther: (key, message) => {
      const answer = find(key);
      return answer === undefined ? jsonReply(200, { status: key, final: true }) : render(answer, message);
    },
    describe: key => ({ status: find(key)?.status ?? defaultStatus(key), isDefault: find(key) === undefined }),
  };
}

function compile({ status, headers = {}, body }: NonNullable<Answers[keyof Answers]>): Answer {
  return { status, headers, body: body === undefined ? undefined : compileBody(body) };
}

function render({ status, headers, body }: Answer, variables: TemplateVariables): HttpReply {
  const value = body?.(variables);
  if (value === undefined) return { ...emptyReply(status), headers };
  return { status, headers: { 'Content-Type': 'application/json', ...headers }, body: bodyText(value) };
}

function variablesFor(result: ErasureResult, message: TemplateVariables): TemplateVariables {
  const own = resultVariables(result);
  return name => (Object.hasOwn(own, name) ? own[name] : message(name));
}

function defaultStatus(key: Key): number {
  return key === 'in_progress' || key === 'needs_review' ? 202 : 200;
}

function defaultReply(leading: ErasureResult, results: readonly ErasureResult[]): HttpReply {
  const status = wordOf(leading.outcome);
  const body = resultBody(leading);
  if (results.length === 1) return jsonReply(defaultStatus(status), body);
  const final = 'deletions' in leading.outcome;
  return jsonReply(defaultStatus(status), { status, final, orders: results.map(resultBody) });
}

function withRetryAfter({ outcome }: ErasureResult, reply: HttpReply): HttpReply {
  if ('deletions' in outcome) return reply;
  return { ...reply, headers: { 'Retry-After': String(retryAfterSeconds), ...reply.headers } };
}

const telling = ['{outcome}', '{final}', '{completed}', '{count}'];

/** Returns whether the reply to an open erasure is the one to a finished one, so that the platform reads no result in it. */
export function isAcknowledgement(answers: Answers | undefined): boolean {
  return isSameReply(answers, 'in_progress', 'erased');
}

/** Returns whether a platform cannot tell two outcomes apart by its reply. The default replies contain the outcome. */
export function isSameReply(answers: Answers | undefined, one: OutcomeWord, other: OutcomeWord): boolean {
  const [first, second] = [one, other].map(word => valueFor(answers ?? {}, word));
  if (first === undefined || second === undefined || first.status !== second.status) return false;
  const isTelling = textsIn(first.body).some(text => telling.some(variable => text.includes(variable)));
  return JSON.stringify(first.body) === JSON.stringify(second.body) && !isTelling;
}
