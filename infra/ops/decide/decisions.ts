import { Failure } from '../../../lambda/domain/failure.ts';
import type { Platform } from '../../../lambda/platforms/platform.ts';
import { isFinal, isRefusalDecided, type Receipt } from '../../../lambda/receipts/receipt.ts';
import {
  type DecisionInput,
  decideRefusal,
  decideRetry,
  newRequestDecided,
} from '../../../lambda/receipts/transitions.ts';
import { updateReceipt } from '../../../lambda/receipts/update.ts';
import type { OperatorDecision as Words } from '../args.ts';
import type { OpsContext } from '../context.ts';

/** What became of one decision on one receipt; `nothing` where it stands so already. */
export interface DecisionResult {
  readonly result: 'changed' | 'nothing' | 'not-possible' | 'not-found' | 'failed';
  readonly said: string;
}

/** A decision on a receipt, and the words for what comes of it. */
export interface ReceiptDecision {
  readonly change: (standing: Receipt) => Receipt | undefined;
  readonly changed: (next: Receipt) => string;
  readonly unchanged: (standing: Receipt) => DecisionResult;
}

/** Writes one decision into one receipt, over whatever others write meanwhile and only as the rules allow. */
export async function applyDecision(
  id: string,
  { store }: Pick<OpsContext, 'store'>,
  deciding: ReceiptDecision,
): Promise<DecisionResult> {
  try {
    const found = await store.read(id);
    if (found === undefined) return { result: 'not-found', said: 'no such receipt' };
    const { receipt, done } = await updateReceipt(store, found, deciding.change);
    return done ? { result: 'changed', said: deciding.changed(receipt) } : deciding.unchanged(receipt);
  } catch (error) {
    if (error instanceof Failure) return { result: 'failed', said: `nothing was changed: ${error.message}` };
    throw error;
  }
}

/** The only stop that another number of customers can mend. */
const tooMany = 'too-many-matches';

/** Lets a receipt go on, with up to `maxCustomers` in each project where that is what it stopped at. */
export function retryDecision(words: Words, maxCustomers?: number): ReceiptDecision {
  const most = maxCustomers === undefined ? {} : { maxCustomers };
  const decided: DecisionInput = { ...words, ...most, action: 'retry' };
  const isAboutMany = ({ reason }: Receipt) => maxCustomers === undefined || reason === tooMany;
  return {
    change: standing => (isAboutMany(standing) ? decideRetry(standing, decided) : undefined),
    changed: next =>
      `${wasRefused(next) ? 'the refusal is taken back; it goes on' : 'goes on'} with the next sweep${stopsAgain(next)}`,
    unchanged: standing =>
      isAboutMany(standing) ? notRetried(standing) : notPossible(`--max is for what stopped at ${tooMany}`),
  };
}

/** A number that was enough once may not be any more, and without a larger one nothing has changed. */
function stopsAgain({ decisions = [] }: Receipt): string {
  const last = decisions.at(-1);
  if (last?.reviewReason !== tooMany || last.maxCustomers !== undefined) return '';
  return ', and stops again unless fewer customers match by then: see --max';
}

function wasRefused({ state, decisions = [] }: Receipt): boolean {
  return state === 'open' && decisions.at(-2)?.action === 'refuse';
}

function notRetried({ queue, state }: Receipt): DecisionResult {
  if (queue === undefined) return { result: 'nothing', said: `closed already as ${state}: nothing is left to be done` };
  return notPossible('somebody else was deleted for it: this one posts nothing more');
}

/** Lets the next delivery of the same body open a new request, for platforms whose reference is a digest of the body. */
export function allowingNewRequest(words: Words, platforms: ReadonlyMap<string, Platform>): ReceiptDecision {
  const isDigest = ({ platform }: Receipt) => platforms.get(platform)?.referenceIsDigest === true;
  const decided: DecisionInput = { ...words, action: 'new-request' };
  return {
    change: standing => (isDigest(standing) ? newRequestDecided(standing, decided) : undefined),
    changed: () => 'the next delivery of the same body opens a new request: have it sent again',
    unchanged: standing => (isDigest(standing) ? notAllowed(standing) : hasRequestIds(standing)),
  };
}

function notAllowed({ state }: Receipt): DecisionResult {
  if (isFinal(state)) return { result: 'nothing', said: 'decided already' };
  return notPossible('it is not closed yet, and goes on by itself');
}

function hasRequestIds({ platform }: Receipt): DecisionResult {
  return notPossible(
    `--new-request is for platforms without request ids (shopify); ${platform} asks again under a new id`,
  );
}

/** Decides that a receipt is not to be carried out. */
export function refuseDecision(words: Words): ReceiptDecision {
  return {
    change: standing => decideRefusal(standing, { ...words, action: 'refuse' }),
    changed: () => 'will be closed as refused by the next sweep',
    unchanged: notRefused,
  };
}

function notRefused(standing: Receipt): DecisionResult {
  if (isRefusalDecided(standing) || standing.state === 'refused') return { result: 'nothing', said: 'refused already' };
  return notPossible(`closed already as ${standing.state}: it cannot be refused any more`);
}

function notPossible(why: string): DecisionResult {
  return { result: 'not-possible', said: `nothing was changed: ${why}` };
}
