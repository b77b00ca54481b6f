import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { localKetchSecret, localKeys } from '../../../infra/local/embedded-secrets.ts';
import { openSandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { parseReceiptRow } from '../../../lambda/receipts/rows.ts';
import { closeServer, listenOnLoopback } from '../../e2e/support/listen.ts';
import { jsonOrUndefined } from '../../support/event.ts';
import { statusEvent } from './platform.ts';
import { bodyOf } from './platform-requests.ts';
import type { TestRequest } from './requests.ts';
import { uidOf } from './watched-store.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A running `npm start`. */
export interface LocalRun {
  readonly url: string;
  readonly sandboxUrl: string;
  /** Sends SIGKILL: the process cannot clean up. */
  kill(): Promise<void>;
  /** Sends SIGTERM; returns the exit code. */
  stop(): Promise<number | null>;
}

/** Starts a local run on a free port and waits until it is ready; throws its error output if it ends first. */
export async function startLocalRun(variables: Readonly<Record<string, string>>): Promise<LocalRun> {
  const env = { PORT: '0', ...variables };
  const child = spawn(process.execPath, ['infra/local/start.ts'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = new Promise<number | null>(resolve => child.once('close', resolve));
  const printed = await new Promise<string>((resolve, reject) => {
    let [out, errors] = ['', ''];
    child.stderr.on('data', chunk => {
      errors = `${errors}${chunk}`.slice(-2000);
    });
    child.stdout.on('data', chunk => {
      out += chunk;
      if (/^ready \S+$/m.test(out)) resolve(out);
    });
    void end.then(code => reject(new Error(`the local run ended with ${code}: ${errors}`)));
  });
  const ended = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return end;
  };
  return {
    url: /^ready (\S+)$/m.exec(printed)?.[1] ?? '',
    sandboxUrl: /^sandbox Voucherify (\S+)$/m.exec(printed)?.[1] ?? '',
    kill: async () => {
      await ended('SIGKILL');
    },
    stop: () => ended('SIGTERM'),
  };
}

/** Returns how many receipts of a local run are in a queue. */
export function waitingIn(folder: string): number {
  return reading(folder, database => count(database, 'SELECT count(*) AS n FROM receipts WHERE queue IS NOT NULL'));
}

/** Returns the most claims without a result of a receipt that is open. */
export function unrecordedClaimsIn(folder: string): number {
  const claims = "SELECT max(row ->> 'unrecordedClaims') AS n FROM receipts WHERE row ->> 'state' = 'open'";
  return reading(folder, database => count(database, claims));
}

/** Verifies the files of a local run that has ended: its receipts and the sandbox's own log. */
export function verifyFolder(
  folder: string,
  requests: readonly TestRequest[],
  gotInProgress: ReadonlySet<string>,
  callbacks: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  const violations: string[] = [];
  const deletions = deletionsIn(folder);
  const states = reading(folder, database => {
    const rows = database.prepare('SELECT row FROM receipts').all();
    const receipts = rows.map(row => parseReceiptRow(String(row['row'])));
    if (count(database, 'SELECT count(*) AS n FROM personal_data') > 0) violations.push('identifiers are still kept');
    if (count(database, 'SELECT count(*) AS n FROM pins') > 0) violations.push('pins are still kept');
    return new Map(receipts.map(receipt => [uidOf(receipt), receipt.state] as const));
  });
  for (const { uid, customers } of requests) {
    if (states.get(uid) !== 'erased') violations.push(`${uid} is ${states.get(uid) ?? 'lost'}`);
    for (const { id } of customers) {
      const times = deletions.filter(one => one === id).length;
      if (times !== 1) violations.push(`${id} was deleted ${times} times`);
    }
    const texts = [...(callbacks.get(uid) ?? [])];
    if (gotInProgress.has(uid) && texts.length === 0) violations.push(`no callback was sent for ${uid}`);
    if (texts.some(text => text !== 'completed/executed'))
      violations.push(`${uid} got the callbacks ${texts.join(' and ')}`);
  }
  const meant = new Set(requests.flatMap(({ customers }) => customers.map(({ id }) => id)));
  for (const id of deletions) if (!meant.has(id)) violations.push(`wrong: ${id} was not requested`);
  if (states.size !== requests.length) violations.push(`${states.size} receipts for ${requests.length} requests`);
  return violations;
}

function deletionsIn(folder: string): readonly string[] {
  const keys = [{ project: 'main', ...localKeys('main') }];
  const sandbox = openSandbox({ file: join(folder, 'sandbox.sqlite'), now: Date.now, keys });
  const deletions = sandbox.deletions().map(({ customerId }) => customerId);
  sandbox.close();
  return deletions;
}

function reading<T>(folder: string, read: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(folder, 'erasure.sqlite'), { readOnly: true, timeout: 30_000 });
  try {
    return read(database);
  } finally {
    database.close();
  }
}

function count(database: DatabaseSync, query: string): number {
  return Number(database.prepare(query).get()?.['n']);
}

/** A platform that calls a local run over HTTP, and retries until it gets a 2xx reply. */
export interface LocalPlatform {
  /** Settles when every request got a 2xx reply. */
  sendAll(requests: readonly TestRequest[], atOnce: number): Promise<void>;
  /** Returns the number of deliveries in progress. */
  inFlight(): number;
  readonly deliveries: () => number;
  /** Requests that got "in progress". */
  readonly gotInProgress: ReadonlySet<string>;
}

const answer = v.object({ response: v.object({ status: v.picklist(['completed', 'in_progress']) }) });

/** Returns a platform; `url` returns the address of the current run, `callbacks` is the origin of its callbacks. */
export function localPlatform(url: () => string, callbacks: string): LocalPlatform {
  const gotInProgress = new Set<string>();
  let [inFlight, deliveries] = [0, 0];
  const deliver = async (request: TestRequest): Promise<boolean> => {
    inFlight += 1;
    deliveries += 1;
    const response = await post(url(), request, callbacks);
    inFlight -= 1;
    if (response === undefined || response.status >= 500) return false;
    if (response.status !== 200) throw new Error(`reply ${response.status}: ${response.text}`);
    const { status } = v.parse(answer, jsonOrUndefined(response.text)).response;
    if (status === 'in_progress') gotInProgress.add(request.uid);
    return true;
  };
  const sendAll = async (requests: readonly TestRequest[], atOnce: number) => {
    const left = [...requests];
    const worker = async () => {
      for (let request = left.shift(); request !== undefined; request = left.shift()) {
        if (await deliver(request)) continue;
        left.push(request);
        await setTimeout(20);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  };
  return { sendAll, inFlight: () => inFlight, deliveries: () => deliveries, gotInProgress };
}

/** Delivers a request; returns `undefined` without a reply, for example when the process was killed. */
async function post(url: string, request: TestRequest, callbacks: string) {
  try {
    const headers = { 'Content-Type': 'application/json', Authorization: localKetchSecret };
    const body = JSON.stringify(bodyOf(request, callbacks));
    const response = await fetch(`${url}/webhooks/ketch`, { method: 'POST', headers, body });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}

/** A platform's callback server on loopback. */
export interface CallbackServer {
  readonly origin: string;
  /** The distinct callback texts of each request, by its uid. */
  readonly received: ReadonlyMap<string, ReadonlySet<string>>;
  close(): Promise<void>;
}

export async function serveCallbacks(): Promise<CallbackServer> {
  const received = new Map<string, Set<string>>();
  const record = (body: string) => {
    const { metadata, event: one } = v.parse(statusEvent, jsonOrUndefined(body));
    received.set(metadata.uid, (received.get(metadata.uid) ?? new Set()).add(`${one.status}/${one.reason}`));
  };
  const server = createServer((request, response) => {
    void text(request).then(body => {
      record(body);
      response.writeHead(200).end();
    });
  });
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  return { origin, received, close: () => closeServer(server) };
}
