import { randomBytes, randomUUID } from 'node:crypto';
import { Failure } from '../../../lambda/domain/failure.ts';
import { platformSecretName } from '../../../lambda/domain/names.ts';
import { createHttpClient, type HttpResult } from '../../../lambda/io/http-client.ts';
import { isGeneric, openPlatforms } from '../../../lambda/platforms/index.ts';
import type { OrderPull } from '../../../lambda/platforms/platform.ts';
import { deployedName } from '../../stack/names.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command, OpsContext } from '../context.ts';
import type { Output } from '../terminal.ts';
import { smokeRequestFor } from './smoke-platforms.ts';
import { type Asked, askOnce, printAsked } from './smoke-pull.ts';
import {
  judgeAuthenticated,
  judgeUnauthenticated,
  type NoSmokeRequest,
  type Sent,
  type SmokeRequest,
  sentJson,
  sentLines,
} from './smoke-verdict.ts';

export const tryCommand: Command = {
  summary: 'send the endpoint a request with a wrong secret, then a valid one',
  options: { url: { type: 'string' } },
  help: `npm run ops -- try PLATFORM --url WebhookUrl

Sends two requests as the platform would: first one with a wrong secret, and
only if this service rejects it, one with the platform's secret. They delete no
customer:

  generic senders  a message that the settings treat as a test or ignore:
                   nothing is stored; else a request for an invented person
  asked platforms  one call for the first page of the open orders: how many
                   there are and which places are read; nothing is stored,
                   and no value is shown
  segment, shopify an event that needs no action: nothing is stored
  ketch            its contract has no test mode: a request for an invented
                   person. It costs one look-up per project and stores a receipt
                   with the outcome no-match
  transcend        only Transcend can sign one: explains how to send it, with
                   exit code 2

  --url URL       the output WebhookUrl of the stack (https://…/webhooks/);
                  not needed with --local, nor for a platform that is only asked

  npm run ops -- try ketch \\
    --url https://abc123.execute-api.eu-west-1.amazonaws.com/v1/webhooks/
  npm run ops -- try ketch --local
  AWS_ENDPOINT_URL=http://127.0.0.1:5000 \\
    npm run ops -- try ketch --url http://127.0.0.1:3000/webhooks/
`,
  run: (args, context, output) => tryPlatform(args, context, output),
};

/** Time limit of a request, in milliseconds; longer than that of the gateway. */
const requestLimitMs = 30_000;

/**
 * Sends both requests, and asks a platform that is asked. Returns exit code 0 if all replies are as expected, else 1.
 */
async function tryPlatform(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  const name = readPlatformName(args, context);
  const section = context.settings.platforms[name];
  const platform = isGeneric(section) || name === 'generic' ? openPlatforms({ [name]: section }).get(name) : undefined;
  const { sent, instead } = platform?.isPullOnly === true ? nothingSent : await tryRoute(name, args, context, output);
  const mayAsk = instead === undefined && sent.every(({ fine }) => fine);
  const asked = mayAsk && platform?.pull !== undefined ? [await ask(platform.pull, name, context, output)] : [];
  if (output.json) output.printJson([...sent.map(sentJson), ...asked]);
  if ([...sent, ...asked].some(({ fine }) => !fine)) return 1;
  if (instead !== undefined) throw new OpsUsageError(instead);
  return 0;
}

interface RouteResult {
  readonly sent: readonly Sent[];
  /** How to send a valid request, if only the platform can. */
  readonly instead?: string;
}

const nothingSent: RouteResult = { sent: [] };

async function tryRoute(name: string, args: ParsedArgs, context: OpsContext, output: Output): Promise<RouteResult> {
  const url = webhookUrlFor(name, args, context);
  const uuid = randomUUID();
  const request = smokeRequestFor(name, context.settings.platforms[name], { uuid, name: `erasure-try-${uuid}` });
  if (request === undefined) throw new OpsUsageError(`PLATFORM: no test request is defined for ${name}`);
  if ('judge' in request) return { sent: await sendBoth(request, name, url, context, output) };
  return { sent: [printResult(await sendUnauthenticated(request, url, context), output)], instead: request.instead };
}

async function ask(pull: OrderPull, name: string, context: OpsContext, output: Output): Promise<Asked> {
  const secretText = await readPlatformSecret(name, context);
  const startedAt = performance.now();
  const asked = await askOnce(pull, context.settings.platforms[name], secretText, context);
  if (!output.json) printAsked(asked, Math.round(performance.now() - startedAt), output);
  return asked;
}

/** The platform's secret is sent only to an endpoint that rejected a wrong secret as this service does. */
async function sendBoth(
  request: SmokeRequest,
  name: string,
  url: URL,
  context: OpsContext,
  output: Output,
): Promise<readonly Sent[]> {
  const secretText = await readPlatformSecret(name, context);
  const first = printResult(await sendUnauthenticated(request, url, context), output);
  if (!first.fine) return [first];
  if (!output.json) output.print(`Now ${request.sends}:`);
  return [first, printResult(await sendAuthenticated(request, secretText, url, context), output)];
}

function printResult(sent: Sent, output: Output): Sent {
  for (const line of output.json ? [] : sentLines(sent)) output.print(line);
  return sent;
}

function readPlatformName({ positionals }: ParsedArgs, { settings }: OpsContext): string {
  const [name, ...others] = positionals;
  if (name === undefined || others.length > 0) throw new OpsUsageError('PLATFORM: give one platform');
  const known = Object.keys(settings.platforms);
  if (!known.includes(name)) throw new OpsUsageError(`PLATFORM: must be one in the settings: ${known.join(', ')}`);
  return name;
}

/** Reads the platform's secret. Throws if the function would not accept it either. */
async function readPlatformSecret(name: string, { readSecret, settings, names, local }: OpsContext): Promise<string> {
  const design = platformSecretName(name);
  const label = local === undefined ? deployedName(design, names) : design;
  const text = await readSecret(design);
  try {
    openPlatforms({ [name]: settings.platforms[name] })
      .get(name)
      ?.checkSecret(text);
  } catch {
    throw new Failure('unavailable', `${label}: is not valid; npm run ops -- doctor shows the expected value`);
  }
  return text;
}

/** Sends a random secret in a format that fits every scheme. */
async function sendUnauthenticated(
  request: SmokeRequest | NoSmokeRequest,
  url: URL,
  context: OpsContext,
): Promise<Sent> {
  const text = JSON.stringify({ current: `whsec_${randomBytes(32).toString('base64')}` });
  const { result, ms } = await send(request, text, url, context);
  return { what: 'with a wrong secret', url, ms, result, ...judgeUnauthenticated(result, request) };
}

async function sendAuthenticated(
  request: SmokeRequest,
  secretText: string,
  url: URL,
  context: OpsContext,
): Promise<Sent> {
  const { result, ms } = await send(request, secretText, url, context);
  return { what: "with the platform's secret", url, ms, result, ...judgeAuthenticated(result, request) };
}

async function send({ headers, body }: SmokeRequest | NoSmokeRequest, text: string, url: URL, { now }: OpsContext) {
  const sentAt = performance.now();
  const authentication = headers(text, now(), url.href.replace(/^http:/, 'https:'));
  const call = { method: 'POST', url, headers: authentication, body, until: now() + requestLimitMs } as const;
  const result = await createHttpClient(now)(call);
  return { result: withoutEcho(result, Object.values(authentication)), ms: Math.round(performance.now() - sentAt) };
}

/** Shorter values are not secrets, but a content type or a topic. */
const minSecretLength = 20;

/** Another service could echo the headers; the secret must not reach a terminal or a file. */
function withoutEcho(result: HttpResult, sentValues: readonly string[]): HttpResult {
  const secrets = sentValues.flatMap(value => value.split(' ')).filter(part => part.length >= minSecretLength);
  if (result.kind !== 'response' || !secrets.some(secret => result.body.includes(secret))) return result;
  return { ...result, body: '(the reply repeats the request)' };
}

/** Returns the URL of a platform's webhook. Throws {@link OpsUsageError} for an invalid URL. */
function webhookUrlFor(platform: string, args: ParsedArgs, { local }: Pick<OpsContext, 'local'>): URL {
  const given = args.text('url');
  if (given !== undefined) return new URL(platform, parseWebhookUrl(given));
  if (local === undefined)
    throw new OpsUsageError('--url: required, the output WebhookUrl of the stack (or use --local)');
  if (local.run === undefined)
    throw new OpsUsageError('--local: npm start is not running in the folder that DATA_DIR names');
  return new URL(`/webhooks/${platform}`, local.run.url);
}

/** A secret is sent only over https, or to this machine. */
function parseWebhookUrl(given: string): URL {
  const url = URL.parse(given.endsWith('/') ? given : `${given}/`);
  const isOurs = url !== null && /\/webhooks\/$/.test(url.pathname) && url.search === '' && url.hash === '';
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === '127.0.0.1');
  if (!isOurs || !isSafe || url.username !== '' || url.password !== '') throw new OpsUsageError(wrongUrl);
  return url;
}

const wrongUrl =
  '--url: must be the output WebhookUrl of the stack, https://…/webhooks/ (or http://127.0.0.1:PORT/webhooks/ of npm start)';
