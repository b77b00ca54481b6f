import { randomBytes, randomUUID } from 'node:crypto';
import { Failure } from '../../../lambda/domain/failure.ts';
import { createHttpClient, type HttpResult } from '../../../lambda/io/http-client.ts';
import { openPlatforms } from '../../../lambda/platforms/index.ts';
import { deployedName, platformSecrets } from '../../stack/names.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import type { Command } from '../command.ts';
import type { OpsContext } from '../context.ts';
import type { Output } from '../terminal.ts';
import { smokeRequestFor } from './smoke-platforms.ts';
import type { NoSmokeRequest, SmokeRequest } from './smoke-request.ts';
import { judgeAuthenticated, judgeUnauthenticated, type Sent, sentJson, sentLines } from './smoke-verdict.ts';

export const tryCommand: Command = {
  summary: 'send a signed test request to the endpoint, and one with a wrong secret',
  options: { url: { type: 'string' } },
  help: `npm run ops -- try PLATFORM --url WebhookUrl

Sends two requests as the platform would: one with a wrong secret, which must be turned away, and then, only if it was and
by us, one with the platform's secret. Nobody is ever deleted by them. What each platform's is:

  generic senders  an erasure with the test flag: nothing is stored
  segment, shopify an event that asks for nothing: nothing is stored
  ketch            its contract has no trial: a request for an invented person. It costs a look-up in each project and
                   leaves a receipt with the outcome no-match
  transcend        only Transcend can sign one: says where to send it from, exit code 2

  --url URL       the stack's output WebhookUrl (https://…/webhooks/); with --local it is found by itself

  npm run ops -- try ketch --url https://abc123.execute-api.eu-west-1.amazonaws.com/v1/webhooks/
  npm run ops -- try ketch --local
  AWS_ENDPOINT_URL=http://127.0.0.1:5000 npm run ops -- try ketch --url http://127.0.0.1:3000/webhooks/
`,
  run: (typed, desk, output) => tryPlatform(typed, desk, output),
};

/** Longest that a request may take, in milliseconds: longer than the gateway waits. */
const longestMs = 30_000;

/** Exit code 0 when both were answered as they must be, else 1. */
async function tryPlatform(typed: ParsedArgs, desk: OpsContext, output: Output): Promise<number> {
  const name = platformOf(typed, desk);
  const url = endpointOf(name, typed, desk);
  const uuid = randomUUID();
  const trial = smokeRequestFor(name, desk.settings.platforms[name], { uuid, name: `erasure-try-${uuid}` });
  if (trial === undefined) throw new OpsUsageError(`PLATFORM: nobody has written a trial for ${name}`);
  const sent =
    'judge' in trial ? await both(trial, name, url, desk, output) : [told(await stranger(trial, url, desk), output)];
  if (output.json) output.printJson(sent.map(sentJson));
  if (sent.some(({ fine }) => !fine)) return 1;
  if (!('judge' in trial)) throw new OpsUsageError(trial.instead);
  return 0;
}

/** The platform's secret goes only to an endpoint that turned a stranger away in our own words. */
async function both(
  trial: SmokeRequest,
  name: string,
  url: URL,
  desk: OpsContext,
  output: Output,
): Promise<readonly Sent[]> {
  const secretText = await secretOf(name, desk);
  const first = told(await stranger(trial, url, desk), output);
  if (!first.fine) return [first];
  if (!output.json) output.print(`Now ${trial.sends}:`);
  return [first, told(await genuine(trial, secretText, url, desk), output)];
}

function told(sent: Sent, output: Output): Sent {
  for (const line of output.json ? [] : sentLines(sent)) output.print(line);
  return sent;
}

function platformOf({ positionals }: ParsedArgs, { settings }: OpsContext): string {
  const [name, ...others] = positionals;
  if (name === undefined || others.length > 0) throw new OpsUsageError('PLATFORM: name one');
  const known = Object.keys(settings.platforms);
  if (!known.includes(name)) throw new OpsUsageError(`PLATFORM: must be one of the settings: ${known.join(', ')}`);
  return name;
}

/** A secret that the function would not use either is not sent anywhere. */
async function secretOf(name: string, { readSecret, settings, names, local }: OpsContext): Promise<string> {
  const design = `${platformSecrets}${name}`;
  const called = local === undefined ? deployedName(design, names) : design;
  const text = await readSecret(design);
  try {
    openPlatforms({ [name]: settings.platforms[name] })
      .get(name)
      ?.checkSecret(text);
  } catch {
    throw new Failure('unavailable', `${called}: is not usable; npm run ops -- doctor says what it must hold`);
  }
  return text;
}

/** A value that fits every scheme, and that nobody has. */
async function stranger(trial: SmokeRequest | NoSmokeRequest, url: URL, desk: OpsContext): Promise<Sent> {
  const text = JSON.stringify({ current: `whsec_${randomBytes(32).toString('base64')}` });
  const { result, ms } = await timed(trial, text, url, desk);
  return { what: 'with a wrong secret', url, ms, result, ...judgeUnauthenticated(result, trial) };
}

async function genuine(trial: SmokeRequest, secretText: string, url: URL, desk: OpsContext): Promise<Sent> {
  const { result, ms } = await timed(trial, secretText, url, desk);
  return { what: "with the platform's secret", url, ms, result, ...judgeAuthenticated(result, trial) };
}

async function timed({ headers, body }: SmokeRequest | NoSmokeRequest, text: string, url: URL, { now }: OpsContext) {
  const sentAt = performance.now();
  const proof = headers(text, now());
  const call = { method: 'POST', url, headers: proof, body, until: now() + longestMs } as const;
  const result = await createHttpClient(now)(call);
  return { result: withoutEcho(result, Object.values(proof)), ms: Math.round(performance.now() - sentAt) };
}

/** Shorter values are no secrets: a content type, a topic. */
const leastSecret = 20;

/** An endpoint that is not ours may send back what it was sent: that must not reach a terminal or a file. */
function withoutEcho(result: HttpResult, proof: readonly string[]): HttpResult {
  const secrets = proof.flatMap(value => value.split(' ')).filter(part => part.length >= leastSecret);
  if (result.kind !== 'answer' || !secrets.some(secret => result.body.includes(secret))) return result;
  return { ...result, body: '(it repeats what it was sent)' };
}

/** Where a platform's requests go. Throws {@link OpsUsageError} for anything that cannot be the webhook's URL. */
export function endpointOf(platform: string, typed: ParsedArgs, { local }: Pick<OpsContext, 'local'>): URL {
  const given = typed.text('url');
  if (given !== undefined) return new URL(platform, webhookUrl(given));
  if (local === undefined) throw new OpsUsageError("--url: needed, the stack's output WebhookUrl (or --local)");
  if (local.run === undefined)
    throw new OpsUsageError('--local: npm start is not running in the folder that DATA_DIR names');
  return new URL(`/webhooks/${platform}`, local.run.url);
}

/** What a secret is sent to must be its owner's: https, or this machine. */
function webhookUrl(given: string): URL {
  const url = URL.parse(given.endsWith('/') ? given : `${given}/`);
  const isOurs = url !== null && /\/webhooks\/$/.test(url.pathname) && url.search === '' && url.hash === '';
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === '127.0.0.1');
  if (!isOurs || !isSafe || url.username !== '' || url.password !== '') throw new OpsUsageError(wrongUrl);
  return url;
}

const wrongUrl =
  "--url: must be the stack's output WebhookUrl, https://…/webhooks/ (or http://127.0.0.1:PORT/webhooks/ of npm start)";
