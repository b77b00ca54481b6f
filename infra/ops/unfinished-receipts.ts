import { type PauseScope, readPausedScopes, scopesOf } from '../../lambda/control/pauses.ts';
import { dueAtOf, isClosingDecided, type Receipt, type ReceiptQueue } from '../../lambda/receipts/receipt.ts';
import { isDelayed } from '../../lambda/receipts/transitions.ts';
import type { OpsContext } from './context.ts';
import { readReceipts, reasonOf, usedPercent } from './receipts.ts';
import { isoSeconds, type Output } from './terminal.ts';

/** The values of `list --state`, and the queue of each. */
const listStates = {
  'needs-review': 'needs-review',
  held: 'held',
  open: 'erase',
  callback: 'callback',
  verify: 'verify',
  sign: 'sign',
} as const satisfies Readonly<Record<string, ReceiptQueue>>;

/** A value of `list --state`. */
export type ListState = keyof typeof listStates;

/** Every value of `list --state`, in the order of the list. */
export const allStates = Object.keys(listStates).filter(isListState);

/** Returns whether a text is a value of `list --state`. */
export function isListState(text: string): text is ListState {
  return Object.hasOwn(listStates, text);
}

/** What is shown of an unfinished receipt. */
export type UnfinishedRow = ReturnType<typeof rowOf>;

function rowOf(receipt: Receipt, paused: ReadonlySet<PauseScope>, now: number) {
  const { id, platform, queue, receivedAt, nextAttemptAt, projects } = receipt;
  const mayErase = queue === 'erase' && !isClosingDecided(receipt);
  const isPaused = mayErase && scopesOf(platform, Object.keys(projects)).some(scope => paused.has(scope));
  return {
    receipt: id,
    platform,
    state: allStates.find(state => listStates[state] === queue),
    why: isPaused ? 'paused' : mayErase && isDelayed(receipt, now) ? 'delayed' : reasonOf(receipt),
    receivedAt: isoSeconds(receivedAt),
    dueAt: isoSeconds(dueAtOf(receipt)),
    deadlineUsedPercent: usedPercent(receipt, now),
    ...(nextAttemptAt === undefined || queue === 'needs-review' || queue === 'held' || isPaused
      ? {}
      : { nextAttemptAt: isoSeconds(nextAttemptAt) }),
  };
}

/** Ids read from each queue. A queue is sorted by next attempt, not by due date, so all of them are sorted here. */
export const maxUnfinished = 1000;

/** Includes every receipt of a queue. */
const anyTime = Number.MAX_SAFE_INTEGER;

interface UnfinishedQuery {
  readonly states: readonly ListState[];
  readonly platform: string | undefined;
  readonly limit: number;
}

/**
 * Reads unfinished receipts: reviews first, then by due date. Keeps of each only what is shown. `more` is set if there are
 * others. Throws as the store does.
 */
export async function readUnfinished(
  { states, platform, limit }: UnfinishedQuery,
  { store, control, settings, now }: Pick<OpsContext, 'store' | 'control' | 'settings' | 'now'>,
  output: Output,
) {
  const paused = await readPausedScopes(settings, control);
  const ids = await Promise.all(states.map(state => store.due(listStates[state], anyTime, maxUnfinished + 1)));
  const limited = ids.map(found => found.slice(0, maxUnfinished));
  const at = now();
  const matching: { readonly rank: number; readonly dueAt: number; readonly row: UnfinishedRow }[] = [];
  for await (const one of readReceipts([...new Set(limited.flat())], store, output)) {
    // The index is eventually consistent, so the queue in the receipt counts.
    if (!states.some(state => listStates[state] === one.queue) || (platform ?? one.platform) !== one.platform) continue;
    matching.push({ rank: rank(one), dueAt: dueAtOf(one), row: rowOf(one, paused, at) });
  }
  const sorted = matching.toSorted((a, b) => a.rank - b.rank || a.dueAt - b.dueAt);
  const notAll = ids.some(found => found.length > maxUnfinished);
  return { rows: sorted.slice(0, limit).map(({ row }) => row), more: sorted.length > limit || notAll };
}

function rank({ queue }: Receipt): number {
  return queue === 'needs-review' ? 0 : 1;
}
