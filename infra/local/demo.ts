import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Services } from '../../lambda/parts.ts';
import { sweep } from '../../lambda/sweep.ts';
import { parseDemoSettings } from './demo-settings.ts';
import { localKetchSecret } from './embedded-secrets.ts';
import { type LocalRun, startLocalRun } from './run.ts';

const help = `Erases an invented person through the handler that Lambda runs, and shows what happens.

  npm run demo

Act 1 answers at once. In act 2 Voucherify is down: the request is accepted, and the sweep finishes it later.
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
  await act1(run);
  await act2(run, ketch.url);
  await run.close();
  await ketch.close();
}

async function act1(run: LocalRun): Promise<void> {
  title('Act 1: Ketch asks to erase crm-10042, and has the result in the answer');
  const reply = await ask(run, 'crm-10042', []);
  await showReceipt(reply, run.services);
}

async function act2(run: LocalRun, ketchUrl: string): Promise<void> {
  title('Act 2: the sandbox Voucherify goes down, and Ketch asks to erase crm-10043');
  await outage(run, 'error');
  const reply = await ask(run, 'crm-10043', [
    { url: `${ketchUrl}/callback`, headers: { Authorization: 'Bearer demo' } },
  ]);
  await showReceipt(reply, run.services);
  title('Voucherify is back, and the sweep comes round');
  await outage(run, null);
  console.log('the sweep', JSON.stringify(await sweep(run.services, Date.now() + 60_000)));
  await showReceipt(reply, run.services);
}

/** Sends a DeleteRequest over HTTP as Ketch does, and gives the id of the receipt. */
async function ask(run: LocalRun, accountId: string, callbacks: readonly object[]): Promise<string> {
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
  show(`POST ${run.url}/webhooks/ketch`, body);
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json', Authorization: localKetchSecret };
  const answer = await fetch(`${run.url}/webhooks/ketch`, { method: 'POST', headers, body: JSON.stringify(body) });
  const reply = JSON.parse(await answer.text());
  show(`${answer.status} ${answer.statusText}`, reply);
  return /"requestID":"([^"]+)"/.exec(JSON.stringify(reply))?.[1] ?? '';
}

async function showReceipt(id: string, { store }: Services): Promise<void> {
  const receipt = await store.read(id);
  const deletions = Object.values(receipt?.projects ?? {}).flatMap(progress => progress.deletions);
  for (const { received } of deletions)
    show('what Voucherify answered to the deletion, as far as the receipt keeps it', received);
  const { evidence, ...rest } = receipt ?? {};
  show('the receipt', rest);
  if (evidence === undefined) return;
  const payload = Buffer.from(evidence.split('.')[1] ?? '', 'base64url').toString();
  show('its evidence: this, signed (a JWS that any JOSE library verifies)', JSON.parse(payload));
}

async function outage(run: LocalRun, mode: 'error' | null): Promise<void> {
  await fetch(`${run.sandboxUrl}/sandbox/outage`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ mode }),
  });
}

/** Ketch's own side: it prints the callback that it gets. */
async function listenAsKetch(): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    const event = JSON.parse(await text(request));
    show(`Ketch hears of the end: ${request.method} ${request.url}`, event);
    response.writeHead(200).end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const close = () => new Promise<void>(resolve => server.close(() => resolve()));
  return { url: `http://127.0.0.1:${port}`, close };
}

function title(text: string): void {
  console.log(`\n=== ${text}`);
}

function show(what: string, value: unknown): void {
  console.log(`\n${what}\n${JSON.stringify(value, null, 2)}`);
}
