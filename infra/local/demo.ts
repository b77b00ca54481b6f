import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { parseArgs, styleText } from 'node:util';
import { createLocalJWKSet, jwtVerify } from 'jose';
import * as v from 'valibot';
import { evidenceType, issuer, keySet } from '../../lambda/receipts/evidence.ts';
import type { Receipt } from '../../lambda/receipts/receipt.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import { localKetchSecret } from './embedded-secrets.ts';
import { parseDemoSettings } from './local-settings.ts';
import { ketchBody } from './page/platform-messages.ts';
import { type LocalRun, startLocalRun } from './run.ts';

const help = `Erases invented customers with the handlers that Lambda runs, and prints what
happens. Needs no account and no network.

  npm run demo
  npm run demo -- --verbose

  --verbose  also prints every request, reply, receipt and evidence as JSON

In part 1 the reply contains the result. In part 2 Voucherify is down: the
request is accepted, and the sweep completes it later.
`;

const replySchema = v.object({
  response: v.object({ status: v.string(), reason: v.optional(v.string()), requestID: v.string() }),
});

/** How far the clock of the run is ahead, in milliseconds, so that the demo need not wait for the verification. */
let ahead = 0;
const minute = 60_000;

const options = readOptions();
if (options === undefined) process.exitCode = 2;
else if (options.help) process.stdout.write(help);
else await demo(options.verbose);

function readOptions() {
  try {
    const boolean = { type: 'boolean', default: false } as const;
    return parseArgs({ options: { help: boolean, verbose: boolean } }).values;
  } catch {
    console.error('usage error: the only options are --verbose and --help');
    return undefined;
  }
}

/** The parts of the demo that act. */
interface Stage {
  readonly run: LocalRun;
  /** The origin at which this process listens as Ketch. */
  readonly ketchUrl: string;
  /** Prints details with `--verbose`. */
  readonly detail: (what: string, value: unknown) => void;
}

async function demo(verbose: boolean): Promise<void> {
  const detail: Stage['detail'] = (what, value) => {
    if (verbose) console.log(`\n${what}\n${JSON.stringify(value, undefined, 2)}`);
  };
  const ketch = await listenAsKetch(detail);
  const run = await startLocalRun({
    port: 0,
    sandboxPort: 0,
    settings: parseDemoSettings(ketch.url),
    sweepMs: 3_600_000,
    claimMs: 60_000,
    backoffMs: 1,
    now: () => Date.now() + ahead,
    awsEndpoint: undefined,
    data: ':memory:',
    log: () => undefined,
  });
  const stage = { run, ketchUrl: ketch.url, detail };
  await eraseAtOnce(stage);
  await eraseAfterOutage(stage);
  await run.close();
  await ketch.close();
  console.log('\nEverything ran on this machine, with a sandbox in the place of Voucherify.');
  console.log('Next: "npm start", and open the page that it prints in a browser.');
}

async function eraseAtOnce(stage: Stage): Promise<void> {
  title('1. Ketch asks for the erasure of the customer crm-10042');
  const receiptId = await sendRequest(stage, 'crm-10042');
  await tellEnd(stage, receiptId);
}

async function eraseAfterOutage(stage: Stage): Promise<void> {
  const { run, ketchUrl } = stage;
  title('2. Voucherify is down, and Ketch asks for the erasure of crm-10043');
  await setOutage(run, 'error');
  const receiptId = await sendRequest(stage, 'crm-10043', `${ketchUrl}/callback`);
  const { lastResult, projects } = await receiptOf(stage, receiptId);
  tell('stored', `the receipt is open: ${lastResult}, ${deletionsOf(projects).length} customers deleted`);
  await setOutage(run, null);
  console.log('  … Voucherify is available again, and the sweep runs, as it does every minute');
  await sweep(run.services, run.services.now() + minute);
  await tellEnd(stage, receiptId);
}

/** Sends a DeleteRequest over HTTP as Ketch does, and returns the id of the receipt. */
async function sendRequest({ run, detail }: Stage, identityValue: string, callbackUrl?: string): Promise<string> {
  const identities = [{ identitySpace: 'account_id', identityFormat: 'raw', identityValue }];
  const body = ketchBody({ now: Date.now(), tenant: 'axonic', environment: 'production', identities, callbackUrl });
  detail(`POST ${run.url}/webhooks/ketch`, body);
  tell('asked', 'POST /webhooks/ketch, with the secret that Ketch and the shop know');
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: localKetchSecret };
  const response = await fetch(`${run.url}/webhooks/ketch`, { method: 'POST', headers, body: JSON.stringify(body) });
  const reply: unknown = await response.json();
  detail(`${response.status} ${response.statusText}`, reply);
  const { status, reason, requestID } = v.parse(replySchema, reply).response;
  tell('replied', `${response.status}: ${[status, reason].filter(word => word !== undefined).join(', ')}`);
  return requestID;
}

/** Tells what the receipt says, and verifies the signature of its evidence. */
async function tellEnd(stage: Stage, id: string): Promise<void> {
  const receipt = await receiptOf(stage, id);
  const { services } = stage.run;
  const { pins } = receipt.projects['main'] ?? { pins: 0 };
  tell('found', `${pins} customer in the project "main"; the id is stored first`);
  for (const { proof, received } of deletionsOf(receipt.projects)) {
    stage.detail('the response to the deletion, as the receipt keeps it', received);
    const { customer = 0, events = 0 } = received?.data_json ?? {};
    tell(proof, `${customer} customer and ${events} events, permanently`);
    tell('proof', `Voucherify's record of it, ${received?.id}`);
  }
  stage.detail('the receipt', receipt);
  ahead += minute;
  await sweep(services, services.now() + minute);
  tell('verified', 'a minute later, Voucherify no longer returns the customer');
  await tellEvidence(stage, id);
}

async function tellEvidence(stage: Stage, id: string): Promise<void> {
  const { evidence = '', state, callbackState } = await receiptOf(stage, id);
  const { signer } = stage.run.services;
  if (signer === undefined) throw new Error('the local run has no signer');
  const keys = createLocalJWKSet(keySet(await signer.publicKey()));
  const rules = { algorithms: ['ES256'], typ: evidenceType, issuer };
  const { payload } = await jwtVerify(evidence, keys, rules);
  stage.detail('the payload of the evidence, a JWS that any JOSE library verifies', payload);
  if (callbackState?.delivered.length === 1) tell('notified', 'Ketch got its callback with the result');
  tell('closed', `receipt ${id.slice(0, 10)}…: ${state}; it contains no personal data`);
  tell('proved', 'the signature of its evidence is valid (ES256, checked with jose)');
}

async function receiptOf({ run }: Stage, id: string): Promise<Receipt> {
  const receipt = await run.services.store.read(id);
  if (receipt === undefined) throw new Error('the receipt is missing');
  return receipt;
}

function deletionsOf(projects: Receipt['projects']) {
  return Object.values(projects).flatMap(({ deletions }) => deletions);
}

async function setOutage(run: LocalRun, mode: 'error' | null): Promise<void> {
  await fetch(`${run.sandboxUrl}/sandbox/outage`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ mode }),
  });
}

/** Listens as Ketch for callbacks. */
async function listenAsKetch(detail: Stage['detail']): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    detail(`Ketch receives the callback: ${request.method} ${request.url}`, JSON.parse(await text(request)));
    response.writeHead(200).end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const close = () => new Promise<void>(resolve => server.close(() => resolve()));
  return { url: `http://127.0.0.1:${port}`, close };
}

function title(line: string): void {
  console.log(`\n${styleText('bold', line, { stream: process.stdout })}`);
}

function tell(step: string, what: string): void {
  console.log(`  ${styleText('green', '✓', { stream: process.stdout })} ${step.padEnd(9)} ${what}`);
}
