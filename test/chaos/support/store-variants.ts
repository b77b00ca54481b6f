import { DatabaseSync } from 'node:sqlite';
import type { VersionedStore } from '../../../lambda/control/versioned-store.ts';
import { addendumId } from '../../../lambda/receipts/evidence.ts';
import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { Addendum } from '../../../lambda/receipts/row-schemas.ts';
import { oldestFirst, parsePartition, partitionOf } from '../../../lambda/receipts/rows.ts';
import type { PersonalData, ReceiptStore } from '../../../lambda/receipts/store.ts';
import type { Stores } from './environment.ts';

const setUp = `
  CREATE TABLE waiting (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, queue TEXT, at REAL) STRICT, WITHOUT ROWID;
  CREATE INDEX due ON waiting (queue, at) WHERE queue IS NOT NULL;
`;

/**
 * Wraps a store so that `due` reads a copy that lags, as a global secondary index of DynamoDB does: it may still contain
 * receipts that are done, and not yet contain new ones. `later` runs each update; an update older than the copy is ignored.
 */
export function withLaggingIndex(store: ReceiptStore, later: (update: () => void) => void): ReceiptStore {
  const database = new DatabaseSync(':memory:');
  database.exec(setUp);
  const update = database.prepare(`
    INSERT INTO waiting VALUES (?, ?, ?, ?) ON CONFLICT DO
    UPDATE SET revision = excluded.revision, queue = excluded.queue, at = excluded.at WHERE excluded.revision > revision
  `);
  const find = database.prepare('SELECT id, at FROM waiting WHERE queue = ? AND at <= ? ORDER BY at, id LIMIT ?');
  const names = new Set<string>();
  const index = ({ id, revision, partition, at }: Indexed) =>
    later(() => {
      if (partition !== undefined) names.add(partition);
      update.run(id, revision, partition ?? null, at ?? null);
    });
  return {
    ...store,
    accept: async (receipt, ...personalData) => {
      const current = await store.accept(receipt, ...personalData);
      if (current.stored) index(receiptIndexed(receipt));
      return current;
    },
    replace: async (next, also) => {
      const replaced = await store.replace(next, also);
      if (replaced) index(receiptIndexed(next));
      return replaced;
    },
    addAddendum: async addendum => {
      await store.addAddendum(addendum);
      index(addendumIndexed(addendum));
    },
    replaceAddendum: async next => {
      const replaced = await store.replaceAddendum(next);
      if (replaced) index(addendumIndexed(next));
      return replaced;
    },
    due: async (queue, now, limit, select = () => true) => {
      const all = [...names].filter(name => name === queue || name.startsWith(`${queue}#`));
      const selected = all.filter(name => queue !== 'erase' || select(parsePartition(name)));
      const found = selected.map(name => find.all(name, now, Math.max(limit, 0)));
      return oldestFirst(
        found.map(rows => rows.map(row => ({ id: String(row['id']), at: Number(row['at']) }))),
        limit,
      );
    },
  };
}

interface Indexed {
  readonly id: string;
  readonly revision: number;
  readonly partition: string | undefined;
  readonly at: number | undefined;
}

function receiptIndexed(receipt: Receipt): Indexed {
  const { id, revision, nextAttemptAt } = receipt;
  return { id, revision, partition: partitionOf(receipt), at: nextAttemptAt };
}

function addendumIndexed(addendum: Addendum): Indexed {
  const { revision, jws, receivedAt } = addendum;
  const isDue = jws === undefined;
  return {
    id: addendumId(addendum),
    revision,
    partition: isDue ? 'addendum' : undefined,
    at: isDue ? receivedAt : undefined,
  };
}

/** Fields that only the newer version of the code writes, at every level of every row. */
const mark = { ofNextVersion: { since: 2, note: 'older versions must keep it' } };

/** Wraps the stores so that they write as a newer version of the code: each row gets fields that this code does not know. */
export function asNewerVersion({ store, control }: Stores): Stores {
  return { store: newerStore(store), control: newerControl(control) };
}

/** Returns the number of marks of the newer version in a row, plus one. */
export function marksIn(row: unknown): number {
  return JSON.stringify(row)?.split('"ofNextVersion"').length ?? 1;
}

function newerStore(store: ReceiptStore): ReceiptStore {
  return {
    ...store,
    accept: (receipt, personalData, pins) => store.accept(marked(receipt), markedPersonalData(personalData), pins),
    replace: async (next, also = {}) => {
      const { pins } = also;
      const current = await store.read(next.id);
      // The newer version does not change a closed receipt either, except for its callback state.
      const isClosed = current !== undefined && isFinal(current.state);
      const more = pins === undefined ? {} : { pins: { ...pins, pins: pins.pins.map(pin => ({ ...pin, ...mark })) } };
      return store.replace(isClosed ? markedCallbackState(next) : marked(next), { ...also, ...more });
    },
  };
}

function markedCallbackState({ callbackState, ...receipt }: Receipt): Receipt {
  return callbackState === undefined ? receipt : { ...receipt, callbackState: { ...callbackState, ...mark } };
}

function marked(receipt: Receipt): Receipt {
  const projects = Object.entries(receipt.projects).map(([name, progress]) => [
    name,
    { ...progress, ...mark, deletions: progress.deletions.map(deletion => ({ ...deletion, ...mark })) },
  ]);
  const authentication = { ...receipt.authentication, ...mark };
  return { ...receipt, ...mark, authentication, projects: Object.fromEntries(projects) };
}

function markedPersonalData(personalData: PersonalData): PersonalData {
  return {
    ...personalData,
    ...mark,
    identifiers: personalData.identifiers.map(identifier => ({ ...identifier, ...mark })),
    callbacks: personalData.callbacks.map(callback => ({ ...callback, ...mark })),
  };
}

function newerControl(control: VersionedStore): VersionedStore {
  const markedValue = (value: unknown) => (typeof value === 'object' ? { ...value, ...mark } : value);
  return {
    ...control,
    write: (key, expected, value) => control.write(key, expected, markedValue(value)),
    advance: (key, expected, { value, ...step }) =>
      control.advance(key, expected, value === undefined ? step : { ...step, value: markedValue(value) }),
  };
}
