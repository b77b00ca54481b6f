import { isDeepStrictEqual } from 'node:util';
import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { ReceiptStore, SideWrites } from '../../../lambda/receipts/store.ts';
import type { Truth } from './truth.ts';

/** Every write that took effect, judged, and how many receipts wait for what. */
export interface Watch {
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** What was written when, by request, where that is kept. */
  readonly writes: ReadonlyMap<string, readonly Write[]>;
  waiting(): {
    readonly open: number;
    readonly callbackState: number;
    readonly human: number;
    readonly unsigned: number;
  };
}

interface Write {
  readonly at: number;
  readonly receipt: Receipt;
}

/** What a closed receipt may still change: how telling the platform and signing stand, and what operators decide. */
const tellingOnly = new Set([
  'revision',
  'queue',
  'nextAttemptAt',
  'callbackState',
  'evidence',
  'decisions',
  'newRequest',
]);

/** Wraps a store and compares every write with the previous row. */
export function watchedStore(
  store: ReceiptStore,
  truth: Truth,
  now: () => number,
): { readonly store: ReceiptStore; readonly watch: Watch } {
  const receipts = new Map<string, Receipt>();
  const writes = new Map<string, Write[]>();
  const counts = { open: 0, callbackState: 0, human: 0, unsigned: 0 };
  const count = (receipt: Receipt, by: 1 | -1) => {
    if (receipt.state === 'open') counts.open += by;
    if (receipt.state === 'needs-review') counts.human += by;
    if (receipt.queue === 'callback') counts.callbackState += by;
    if (receipt.queue === 'sign') counts.unsigned += by;
  };
  const keep = (receipt: Receipt) => {
    const before = receipts.get(receipt.id);
    if (before !== undefined) count(before, -1);
    count(receipt, 1);
    receipts.set(receipt.id, receipt);
    const uid = uidOf(receipt);
    writes.set(uid, [...(writes.get(uid) ?? []), { at: now(), receipt }]);
    truth.note(uid, storyOf(receipt));
  };
  const watching: ReceiptStore = {
    ...store,
    accept: async (receipt, kept) => {
      const standing = await store.accept(receipt, kept);
      if (standing.stored) keep(receipt);
      return standing;
    },
    replace: async (next, also = {}) => {
      const replaced = await store.replace(next, also);
      if (replaced) judgeWrite(receipts.get(next.id), next, also, truth);
      if (replaced) keep(next);
      return replaced;
    },
  };
  return { store: watching, watch: { receipts, writes, waiting: () => counts } };
}

/** The harness sends UUIDs only, and those stand in a receipt in clear. */
export function uidOf({ reference }: Receipt): string {
  return reference ?? '';
}

function storyOf({ state, queue, nextAttemptAt, claims, projects, lastResult, receivedAt }: Receipt): string {
  const next = nextAttemptAt === undefined ? '' : ` next at +${((nextAttemptAt - receivedAt) / 1000).toFixed(3)} s`;
  const services = Object.entries(projects).map(([name, { state: its, pins }]) => `${name}:${its}:${pins}`);
  return `${state}/${queue ?? '-'} claims ${claims} ${services.join(' ')} ${lastResult ?? ''}${next}`;
}

function judgeWrite(
  before: Receipt | undefined,
  next: Receipt,
  { pins, deletePersonalData }: SideWrites,
  truth: Truth,
): void {
  const uid = uidOf(next);
  const ask = truth.asks.get(uid);
  if (before === undefined || ask === undefined) {
    truth.violated('a receipt of nobody', uid);
    return;
  }
  if (next.revision !== before.revision + 1) truth.violated('a revision was skipped', uid);
  if (isFinal(before.state) && !isDeepStrictEqual(erasurePart(before), erasurePart(next))) {
    truth.violated('a closed receipt changed', uid);
  }
  if (pins !== undefined && before.projects[pins.project]?.pins !== 0) truth.violated('pins were written twice', uid);
  if (deletePersonalData === true && (!isFinal(next.state) || next.queue === 'callback'))
    truth.violated('forgotten too early', uid);
  if (!isFinal(before.state) && isFinal(next.state)) truth.closed(ask, next);
}

/** Returns a receipt without its callback state. */
export function erasurePart(receipt: Receipt): object {
  return Object.fromEntries(Object.entries(receipt).filter(([name]) => !tellingOnly.has(name)));
}
