import * as v from 'valibot';
import type { HttpReply } from '../../../lambda/domain/http.ts';
import type { HttpResult } from '../../../lambda/io/http-client.ts';
import { parseJson } from '../../../lambda/io/json.ts';
import { toned } from '../terminal.ts';

/** A request as a platform could send it, and its expected result. */
export interface SmokeRequest {
  /** Describes what is sent and what it stores. */
  readonly sends: string;
  readonly body: string;
  /** Returns the headers that authenticate the request with a secret's text. `url` is where it is sent, as https. */
  headers(secretText: string, now: number, url: string): Readonly<Record<string, string>>;
  /** Expected status for a wrong secret. */
  readonly refusedWith: 401 | 403;
  /** Explains an expected reply to the authenticated request; `undefined` for any other reply. */
  judge(reply: Pick<HttpReply, 'status' | 'body'>): string | undefined;
}

/** For a platform that alone can sign its requests: a request with a wrong secret, and how to send a valid one. */
export interface NoSmokeRequest extends Pick<SmokeRequest, 'body' | 'headers' | 'refusedWith'> {
  readonly instead: string;
}

/** An invented id that is recognizable as such. */
export interface InventedPerson {
  readonly uuid: string;
  readonly name: string;
}

export const json = { 'Content-Type': 'application/json', Accept: 'application/json' };

/** Whether a reply is the expected one, and how to fix it if not. */
export interface SmokeVerdict {
  readonly fine: boolean;
  readonly says: string;
}

/** Every error of this service has an `error` object; those of a gateway or a firewall have none. */
const errorSchema = v.object({ error: v.looseObject({}) });

/** Checks the reply to a request with a wrong secret. */
export function judgeUnauthenticated(
  result: HttpResult,
  { refusedWith }: Pick<SmokeRequest, 'refusedWith'>,
): SmokeVerdict {
  if (result.kind === 'no-response') return wrong(noResponseText(result.code));
  const { status, body } = result;
  const isServiceError = v.is(errorSchema, parseJson(body)?.value);
  if (status === refusedWith && isServiceError) return { fine: true, says: 'rejected, as expected' };
  if (status < 300 && isFromService(body)) return wrong(acceptedText);
  return wrong(isServiceError ? serviceErrors[status] : gatewayErrors[status]);
}

const acceptedText =
  'ACCEPTED WITH A WRONG SECRET: run npm run ops -- pause all --why "…", and check what runs at this URL';

/** An acknowledgement can have an empty body. A page of another service is not empty, and it is not JSON. */
function isFromService(body: string): boolean {
  return body === '' || parseJson(body) !== undefined;
}

/** Checks the reply to the request with the platform's secret. */
export function judgeAuthenticated(result: HttpResult, { judge }: Pick<SmokeRequest, 'judge'>): SmokeVerdict {
  if (result.kind === 'no-response') return wrong(noResponseText(result.code));
  const says = judge(result);
  if (says !== undefined) return { fine: true, says };
  return wrong(
    v.is(errorSchema, parseJson(result.body)?.value) ? serviceErrors[result.status] : gatewayErrors[result.status],
  );
}

function wrong(says = 'unexpected reply: check that the URL is the output WebhookUrl of this deployment') {
  return { fine: false, says };
}

function noResponseText(code: string): string {
  return `no response (${code}): check the URL, the deployment or npm start, and the network`;
}

const wrongSecret =
  'the endpoint has another secret: check --stage and --settings; a new secret takes up to six minutes';

/** Meaning of this service's own errors. */
const serviceErrors: Readonly<Record<number, string>> = {
  401: wrongSecret,
  403: `${wrongSecret} Or its settings differ: the reply says what is not configured`,
  404: 'the platform is not in the deployed settings: deploy again',
  400: 'the endpoint has other settings: deploy these, or pass the deployed ones with --settings',
  503: 'a secret, setting or table is missing: run npm run ops -- doctor (RUNBOOK.md#requests-rejected)',
  500: 'the endpoint failed (RUNBOOK.md#requests-rejected)',
};

/** Meaning of errors of the gateway or the firewall. */
const gatewayErrors: Readonly<Record<number, string>> = {
  403: 'rejected before the function: check allowIps and the path /webhooks/',
  429: 'too many requests at the gateway: wait a minute',
  502: 'the function crashed (RUNBOOK.md#requests-rejected)',
  504: 'the function took too long (RUNBOOK.md#requests-rejected)',
};

/** One request and its checked reply. Without headers, because they contain the secret. */
export interface Sent extends SmokeVerdict {
  readonly what: string;
  readonly url: URL;
  readonly ms: number;
  readonly result: HttpResult;
}

/** Longest reply that is printed, in characters; those of this service are shorter. */
const mostShown = 1000;

/** Formats the result for scripts. */
export function sentJson({ what, url, ms, fine, says, result }: Sent) {
  return { what, url: url.href, status: statusOf(result), ms, fine, says, reply: replyOf(result) };
}

/** Formats the result as text. */
export function sentLines({ what, url, ms, fine, says, result }: Sent): readonly string[] {
  const reply = replyOf(result);
  return [
    `POST ${url.href} ${what}: ${statusOf(result)} in ${ms} ms`,
    ...(reply === undefined ? [] : [`  ${typeof reply === 'string' ? reply : JSON.stringify(reply)}`]),
    `  ${toned(fine ? 'good' : 'bad', fine ? '✓' : '✗')} ${says}`,
  ];
}

function statusOf(result: HttpResult): number | string {
  return result.kind === 'response' ? result.status : result.code;
}

/** Returns the reply if it is JSON. Any other text could change the terminal, so it is not printed. */
function replyOf(result: HttpResult): unknown {
  if (result.kind !== 'response' || result.body === '') return undefined;
  const json = result.body.length > mostShown ? undefined : parseJson(result.body);
  return json === undefined ? `(${result.body.length} characters, not a reply of this service)` : json.value;
}
