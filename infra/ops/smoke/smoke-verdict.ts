import * as v from 'valibot';
import type { HttpResult } from '../../../lambda/io/http-client.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import { toned } from '../terminal.ts';
import type { SmokeRequest } from './smoke-request.ts';

/** What an answer means: whether it is the right one, and what to do if it is not. */
export interface SmokeVerdict {
  readonly fine: boolean;
  readonly says: string;
}

/** Every refusal of ours says what is wrong in `error`; a gateway or a firewall before us does not. */
const ours = v.object({ error: v.looseObject({}) });

/** Judges the answer to a request that a stranger could have sent. */
export function judgeUnauthenticated(
  result: HttpResult,
  { refusedWith }: Pick<SmokeRequest, 'refusedWith'>,
): SmokeVerdict {
  if (result.kind === 'no-answer') return wrong(unreached(result.code));
  const { status, body } = result;
  const isOurs = v.is(ours, parseJson(body)?.value);
  if (status === refusedWith && isOurs) return { fine: true, says: 'turned away: nobody without the secret gets in' };
  if (status < 300 && isSaidByUs(body)) return wrong(letIn);
  return wrong(isOurs ? refusals[status] : before[status]);
}

const letIn = 'it was let in! pause everything (npm run ops -- pause all --why "…") and see what answers there';

/** Some platforms are acknowledged by a status alone; a page of somebody else's is neither empty nor JSON. */
function isSaidByUs(body: string): boolean {
  return body === '' || parseJson(body) !== undefined;
}

/** Judges the answer to the genuine request. */
export function judgeAuthenticated(result: HttpResult, { judge }: Pick<SmokeRequest, 'judge'>): SmokeVerdict {
  if (result.kind === 'no-answer') return wrong(unreached(result.code));
  const says = judge(result);
  if (says !== undefined) return { fine: true, says };
  return wrong(v.is(ours, parseJson(result.body)?.value) ? refusals[result.status] : before[result.status]);
}

function wrong(
  says = 'this is not the answer that it should be: is the URL the output WebhookUrl of this deployment?',
) {
  return { fine: false, says };
}

function unreached(code: string): string {
  return `no answer (${code}): is the URL right, is it deployed or is npm start running, and is this machine online?`;
}

const rotated =
  'the endpoint holds another secret: it sees a new one within six minutes; is it of this --stage and these settings?';

/** What our own refusals mean here. */
const refusals: Readonly<Record<number, string>> = {
  401: rotated,
  403: `${rotated} Or it was deployed with other settings: the answer says what is not served`,
  404: 'the platform is not in the settings that were deployed: deploy again',
  400: 'the endpoint reads it otherwise: deploy these settings, or name those that were deployed with --settings',
  503: 'something it needs is missing: npm run ops -- doctor says what (RUNBOOK.md#requests-rejected)',
  500: 'the endpoint failed (RUNBOOK.md#requests-rejected)',
};

/** What the answers of a gateway or a firewall mean, which come before ours. */
const before: Readonly<Record<number, string>> = {
  403: 'turned away before it reached the function: is this machine in allowIps, and the path /webhooks/?',
  429: 'too many requests at the gateway: wait a minute',
  502: 'the function crashed (RUNBOOK.md#requests-rejected)',
  504: 'the function took too long (RUNBOOK.md#requests-rejected)',
};

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
