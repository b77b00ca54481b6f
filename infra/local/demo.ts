import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Services } from '../../lambda/services.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import { localKetchSecret } from './embedded-secrets.ts';
import { parseDemoSettings } from './options.ts';
import { type LocalRun, startLocalRun } from './run.ts';

const help = `Erases fictitious persons with the handlers that Lambda runs, and prints each step.

  npm run demo

In part 1 the reply contains the result. In part 2 Voucherify is down: the request is accepted, and the sweep finishes it.
`;

if (process.argv.includes('--help')) process.stdout.write(help);
else await demo();

async function demo(): Promise<void> {
  const ketch = await listenAsKetch();
  const run = await startLocalRun({
    port: 0,
    settings: parseDemoSettings(ketch.url),
    sweepMs: 3_600_000,
    claimMs: 60_000,
    backoffMs: 1,
    now: Date.now,
    awsEndpoint: undefined,
    data: ':memory:',
    log: () => undefined,
  });
  await eraseAtOnce(run);
  await eraseAfterOutage(run, ketch.url);
  await run.close();
  await ketch.close();
}

async function eraseAtOnce(run: LocalRun): Promise<void> {
  printTitle('Part 1: Ketch requests the erasure of crm-10042 and gets the result in the reply');
  const receiptId = await sendRequest(run, 'crm-10042', []);
  await showReceipt(receiptId, run.services);
}

async function eraseAfterOutage(run: LocalRun, ketchUrl: string): Promise<void> {
  printTitle('Part 2: the sandbox Voucherify is down, and Ketch requests the erasure of crm-10043');
  await setOutage(run, 'error');
  const receiptId = await sendRequest(run, 'crm-10043', [
    { url: `${ketchUrl}/callback`, headers: { Authorization: 'Bearer demo' } },
  ]);
  await showReceipt(receiptId, run.services);
  printTitle('Voucherify is available again, and the sweep runs');
  await setOutage(run, null);
  console.log('sweep', JSON.stringify(await sweep(run.services, Date.now() + 60_000)));
  await showReceipt(receiptId, run.services);
}

/** Sends a DeleteRequest over HTTP as Ketch does, and returns the id of the receipt. */
async function sendRequest(run: LocalRun, accountId: string, callbacks: readonly object[]): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const request = {
    property: 'shop',
    environment: 'production',
    regulation: 'gdpr',
    jurisdiction: 'eugdpr',
    identities: [{ identitySpace: 'account_id', identityFormat: 'raw', identityValue: accountId }],
    callbacks,
    subject: { email: 'invented@example.com', firstName: 'Invented', lastName: 'Person' },
    submittedTimestamp: now,
    dueTimestamp: now + 30 * 86_400,
  };
  const metadata = { uid: randomUUID(), tenant: 'axonic' };
  const body = { apiVersion: 'dsr/v1', kind: 'DeleteRequest', metadata, request };
  print(`POST ${run.url}/webhooks/ketch`, body);
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: localKetchSecret };
  const response = await fetch(`${run.url}/webhooks/ketch`, { method: 'POST', headers, body: JSON.stringify(body) });
  const reply = JSON.parse(await response.text());
  print(`${response.status} ${response.statusText}`, reply);
  return /"requestID":"([^"]+)"/.exec(JSON.stringify(reply))?.[1] ?? '';
}

async function showReceipt(id: string, { store }: Services): Promise<void> {
  const receipt = await store.read(id);
  const deletions = Object.values(receipt?.projects ?? {}).flatMap(progress => progress.deletions);
  for (const { received } of deletions) print('the response to the deletion, as the receipt keeps it', received);
  const { evidence, ...rest } = receipt ?? {};
  print('the receipt', rest);
  if (evidence === undefined) return;
  const payload = Buffer.from(evidence.split('.')[1] ?? '', 'base64url').toString();
  print('the payload of its evidence, a JWS that any JOSE library verifies', JSON.parse(payload));
}

async function setOutage(run: LocalRun, mode: 'error' | null): Promise<void> {
  await fetch(`${run.sandboxUrl}/sandbox/outage`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ mode }),
  });
}

/** Listens as Ketch and prints the callbacks that it receives. */
async function listenAsKetch(): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const event = JSON.parse(await text(request));
    print(`Ketch receives the callback: ${request.method} ${request.url}`, event);
    response.writeHead(200).end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const close = () => new Promise<void>(resolve => server.close(() => resolve()));
  return { url: `http://127.0.0.1:${port}`, close };
}

function printTitle(text: string): void {
  console.log(`\n=== ${text}`);
}

function print(what: string, value: unknown): void {
  console.log(`\n${what}\n${JSON.stringify(value, null, 2)}`);
}
