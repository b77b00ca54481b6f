import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { localKeys } from '../../../infra/local/embedded-secrets.ts';
import { openSandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { parseReceiptRow } from '../../../lambda/receipts/parse-rows.ts';
import type { Ask } from './people.ts';
import { uidOf } from './watched-store.ts';

/** How many receipts of a local run still wait for something. */
export function waitingIn(folder: string): number {
  return reading(folder, database => count(database, 'SELECT count(*) AS n FROM receipts WHERE queue IS NOT NULL'));
}

/** Judges what is left on the disk when a local run has ended: its receipts, and the sandbox's own log. */
export function judgeFolder(
  folder: string,
  asks: readonly Ask[],
  toldOpen: ReadonlySet<string>,
  calledBack: ReadonlyMap<string, ReadonlySet<string>>,
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
  for (const { uid, people } of asks) {
    if (states.get(uid) !== 'erased') violations.push(`${uid} is ${states.get(uid) ?? 'lost'}`);
    for (const { id } of people) {
      const times = deletions.filter(one => one === id).length;
      if (times !== 1) violations.push(`${id} was deleted ${times} times`);
    }
    const told = [...(calledBack.get(uid) ?? [])];
    if (toldOpen.has(uid) && told.length === 0) violations.push(`${uid} was never called back`);
    if (told.some(text => text !== 'completed/executed')) violations.push(`${uid} was told ${told.join(' and ')}`);
  }
  const meant = new Set(asks.flatMap(({ people }) => people.map(({ id }) => id)));
  for (const id of deletions) if (!meant.has(id)) violations.push(`wrong: ${id} was never asked for`);
  if (states.size !== asks.length) violations.push(`${states.size} receipts for ${asks.length} requests`);
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
