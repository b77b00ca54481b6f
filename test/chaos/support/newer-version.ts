import type { VersionedStore } from '../../../lambda/receipts/control.ts';
import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { PersonalData, ReceiptStore } from '../../../lambda/receipts/store.ts';
import type { Stores } from './outside.ts';

/** What only the newer version of the code writes, at every level of every row. */
const mark = { ofNextVersion: { since: 2, note: 'an older one must carry it on' } };

/** The stores as a newer version of this code writes to them: each row it touches holds more than this code knows. */
export function asNewerVersion({ store, control }: Stores): Stores {
  return { store: newerStore(store), control: newerControl(control) };
}

/** How often the newer version's mark stands in a row. */
export function marksIn(row: unknown): number {
  return JSON.stringify(row)?.split('"ofNextVersion"').length ?? 1;
}

function newerStore(store: ReceiptStore): ReceiptStore {
  return {
    ...store,
    accept: (receipt, kept) => store.accept(marked(receipt), markedKept(kept)),
    replace: async (next, also = {}) => {
      const { pins } = also;
      const standing = await store.read(next.id);
      // What is closed is left alone by the newer version as well, but for how telling the platform stands.
      const isClosed = standing !== undefined && isFinal(standing.state);
      const more = pins === undefined ? {} : { pins: { ...pins, pins: pins.pins.map(pin => ({ ...pin, ...mark })) } };
      return store.replace(isClosed ? told(next) : marked(next), { ...also, ...more });
    },
  };
}

function told({ callbackState, ...receipt }: Receipt): Receipt {
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

function markedKept(kept: PersonalData): PersonalData {
  return {
    ...kept,
    ...mark,
    identifiers: kept.identifiers.map(identifier => ({ ...identifier, ...mark })),
    callbacks: kept.callbacks.map(callback => ({ ...callback, ...mark })),
  };
}

function newerControl(control: VersionedStore): VersionedStore {
  return {
    ...control,
    write: (key, expected, value) =>
      control.write(key, expected, typeof value === 'object' ? { ...value, ...mark } : value),
  };
}
