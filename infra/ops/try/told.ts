import { parseJson } from '../../../lambda/io/json.ts';
import type { HttpResult } from '../../../lambda/io/outbound.ts';
import { toned } from '../output.ts';
import type { SmokeVerdict } from './verdict.ts';

/** One request, what came of it, and what that means; never a header, since they hold the secret. */
export interface Sent extends SmokeVerdict {
  readonly what: string;
  readonly url: URL;
  readonly ms: number;
  readonly result: HttpResult;
}

/** What is shown of an answer, in characters; ours are shorter. */
const mostShown = 1000;

/** For scripts. */
export function sentJson({ what, url, ms, fine, says, result }: Sent) {
  return { what, url: url.href, status: statusOf(result), ms, fine, says, answer: answerOf(result) };
}

/** For people. */
export function sentLines({ what, url, ms, fine, says, result }: Sent): readonly string[] {
  const answer = answerOf(result);
  return [
    `POST ${url.href} ${what}: ${statusOf(result)} in ${ms} ms`,
    ...(answer === undefined ? [] : [`  ${typeof answer === 'string' ? answer : JSON.stringify(answer)}`]),
    `  ${toned(fine ? 'good' : 'bad', fine ? '✓' : '✗')} ${says}`,
  ];
}

function statusOf(result: HttpResult): number | string {
  return result.kind === 'answer' ? result.status : result.code;
}

/** Our own answers are JSON or empty; of anything else nobody knows what it would do to a terminal. */
function answerOf(result: HttpResult): unknown {
  if (result.kind !== 'answer' || result.body === '') return undefined;
  const json = result.body.length > mostShown ? undefined : parseJson(result.body);
  return json === undefined ? `(${result.body.length} characters that are no answer of ours)` : json.value;
}
