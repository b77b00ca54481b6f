import { DatabaseSync } from 'node:sqlite';
import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import type { ReceiptStore } from '../../../lambda/receipts/store.ts';

const setUp = `
  CREATE TABLE waiting (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, queue TEXT, at REAL) STRICT, WITHOUT ROWID;
  CREATE INDEX due ON waiting (queue, at) WHERE queue IS NOT NULL;
`;

/**
 * A store whose `due` asks a copy that lags behind, as a global secondary index of DynamoDB does: it may still suggest
 * what is done, and not yet suggest what waits. `retry` brings a change there; one that was overtaken changes nothing.
 */
export function withLaggingIndex(store: ReceiptStore, later: (bring: () => void) => void): ReceiptStore {
  const database = new DatabaseSync(':memory:');
  database.exec(setUp);
  const bring = database.prepare(`
    INSERT INTO waiting VALUES (?, ?, ?, ?) ON CONFLICT DO
    UPDATE SET revision = excluded.revision, queue = excluded.queue, at = excluded.at WHERE excluded.revision > revision
  `);
  const find = database.prepare('SELECT id FROM waiting WHERE queue = ? AND at <= ? ORDER BY at, id LIMIT ?');
  const index = ({ id, revision, queue, nextAttemptAt }: Receipt) =>
    later(() => {
      bring.run(id, revision, queue ?? null, nextAttemptAt ?? null);
    });
  return {
    ...store,
    accept: async (receipt, kept) => {
      const standing = await store.accept(receipt, kept);
      if (standing.stored) index(receipt);
      return standing;
    },
    replace: async (next, also) => {
      const replaced = await store.replace(next, also);
      if (replaced) index(next);
      return replaced;
    },
    due: async (queue, now, limit) => find.all(queue, now, Math.max(limit, 0)).map(row => String(row['id'])),
  };
}
