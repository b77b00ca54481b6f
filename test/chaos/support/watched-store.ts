import { isDeepStrictEqual } from 'node:util';
import { needsVerification } from '../../../lambda/receipts/closing.ts';
import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import type { ReceiptStore, SideWrites } from '../../../lambda/receipts/store.ts';
import type { Truth } from './truth.ts';

/** All completed writes, and the number of receipts in each queue. */
export interface Watch {
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** The writes of each request, with their times. */
  readonly writes: ReadonlyMap<string, readonly Write[]>;
  /** Returns whether no receipt is open, waits for callbacks or waits for its signature. */
  isDone(): boolean;
  waiting(): {
    readonly open: number;
    readonly callbackState: number;
    readonly needsReview: number;
    readonly unsigned: number;
  };
}

interface Write {
  readonly at: number;
  readonly receipt: Receipt;
}

/** Fields that may change after a receipt is closed: callback state, verification, signature and operators' decisions. */
const mutableWhenClosed = new Set([
  ...['revision', 'queue', 'nextAttemptAt', 'callbackState', 'verification', 'evidence', 'decisions', 'newRequest'],
  'eraseAgain',
]);

/** Wraps a store and compares every write with the previous row. */
export function watchedStore(
  store: ReceiptStore,
  truth: Truth,
  now: () => number,
): { readonly store: ReceiptStore; readonly watch: Watch } {
  const receipts = new Map<string, Receipt>();
  const writes = new Map<string, Write[]>();
  const counts = { open: 0, callbackState: 0, needsReview: 0, unsigned: 0 };
  const isDone = () => counts.open + counts.callbackState + counts.unsigned === 0;
  const count = (receipt: Receipt, by: 1 | -1) => {
    if (receipt.state === 'open') counts.open += by;
    if (receipt.state === 'needs-review') counts.needsReview += by;
    if (receipt.queue === 'callback') counts.callbackState += by;
    if (receipt.queue === 'sign' || receipt.queue === 'verify') counts.unsigned += by;
  };
  const keep = (receipt: Receipt) => {
    const before = receipts.get(receipt.id);
    if (before !== undefined) count(before, -1);
    count(receipt, 1);
    receipts.set(receipt.id, receipt);
    const uid = uidOf(receipt);
    writes.set(uid, [...(writes.get(uid) ?? []), { at: now(), receipt }]);
    truth.note(uid, summaryOf(receipt));
  };
  const watching: ReceiptStore = {
    ...store,
    accept: async (receipt, ...personalData) => {
      const current = await store.accept(receipt, ...personalData);
      if (current.stored) keep(receipt);
      return current;
    },
    replace: async (next, also = {}) => {
      const replaced = await store.replace(next, also);
      if (replaced) verifyWrite(receipts.get(next.id), next, also, truth);
      if (replaced) keep(next);
      return replaced;
    },
  };
  return { store: watching, watch: { receipts, writes, waiting: () => counts, isDone } };
}

/** Returns the request's uid. The harness sends only UUIDs, which a receipt contains in clear text. */
export function uidOf({ reference }: Receipt): string {
  return reference ?? '';
}

function summaryOf({ state, queue, nextAttemptAt, claims, projects, lastResult, receivedAt }: Receipt): string {
  const next = nextAttemptAt === undefined ? '' : ` next at +${((nextAttemptAt - receivedAt) / 1000).toFixed(3)} s`;
  const parts = Object.entries(projects).map(([name, { state: its, pins }]) => `${name}:${its}:${pins}`);
  return `${state}/${queue ?? '-'} claims ${claims} ${parts.join(' ')} ${lastResult ?? ''}${next}`;
}

function verifyWrite(
  before: Receipt | undefined,
  next: Receipt,
  { pins, deletePersonalData, callbackData, keepPins = false, pinsLeft }: SideWrites,
  truth: Truth,
): void {
  const uid = uidOf(next);
  const request = truth.requests.get(uid);
  if (before === undefined || request === undefined) {
    truth.violated('a receipt without a request', uid);
    return;
  }
  if (next.revision !== before.revision + 1) truth.violated('a revision was skipped', uid);
  if (isFinal(before.state) && !isDeepStrictEqual(erasurePart(before), erasurePart(next))) {
    truth.violated('a closed receipt changed', uid);
  }
  const pinned = pins === undefined ? undefined : before.projects[pins.project];
  // An operator may have decided to repeat refused look-ups: these may add pins, once.
  if (pinned !== undefined && pinned.pins !== 0 && pinned.lookUpAgain !== true)
    truth.violated('pins were written twice', uid);
  const isNeeded = !isFinal(next.state) || (next.queue === 'callback' && callbackData === undefined);
  if (deletePersonalData === true && isNeeded) truth.violated('personal data was deleted too early', uid);
  const isVerifying = isFinal(next.state) && needsVerification(next);
  if (isVerifying && (pinsLeft !== undefined || (deletePersonalData === true && !keepPins)))
    truth.violated('pins were deleted before the verification', uid);
  if (!isFinal(before.state) && isFinal(next.state)) truth.closed(request, next);
}

/** Returns a receipt without what may change after it is closed: some fields, and the counts after the deletion. */
export function erasurePart({ projects, ...receipt }: Receipt): object {
  const withoutCounts = Object.entries(projects).map(([project, { residue, ...progress }]) => {
    return [project, { ...progress, before: residue?.before }] as const;
  });
  const fixed = Object.entries(receipt).filter(([name]) => !mutableWhenClosed.has(name));
  return { ...Object.fromEntries(fixed), projects: Object.fromEntries(withoutCounts) };
}
