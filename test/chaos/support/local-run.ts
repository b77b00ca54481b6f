import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { localKeys } from '../../../infra/local/embedded-secrets.ts';
import { openSandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { parseReceiptRow } from '../../../lambda/receipts/rows.ts';
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
