import { Failure } from '../../lambda/domain/failure.ts';
import type { Platform } from '../../lambda/platforms/platform.ts';
import {
  isFinal,
  isPartialAccepted,
  isRefusalDecided,
  isWithdrawn,
  type Receipt,
} from '../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../lambda/receipts/store.ts';
import {
  type DecisionInput,
  decideAcceptPartial,
  decideRefusal,
  decideRetry,
  newRequestDecided,
} from '../../lambda/receipts/transitions.ts';
import type { OperatorDecision } from './args.ts';
import type { OpsContext } from './context.ts';
import { readStopping } from './receipts.ts';

/** The result of a decision on one receipt; `nothing` if nothing had to change. */
export interface DecisionResult {
  readonly result: 'changed' | 'nothing' | 'not-possible' | 'not-found' | 'failed';
  readonly said: string;
}

/** A decision on a receipt, and the texts of its results. */
export interface ReceiptDecision {
  readonly change: (receipt: Receipt) => Receipt | undefined;
  readonly changed: (next: Receipt) => string | Promise<string>;
  readonly unchanged: (receipt: Receipt) => DecisionResult;
}

/** Writes a decision to a receipt, if the rules allow it. Repeats the update after a concurrent write. */
export async function applyDecision(
  id: string,
  { store }: Pick<OpsContext, 'store'>,
  decision: ReceiptDecision,
): Promise<DecisionResult> {
  try {
    const found = await store.read(id);
    if (found === undefined) return { result: 'not-found', said: 'receipt not found' };
    const { receipt, done } = await updateReceipt(store, found, decision.change);
    return done ? { result: 'changed', said: await decision.changed(receipt) } : decision.unchanged(receipt);
  } catch (error) {
    if (error instanceof Failure) return { result: 'failed', said: `not changed: ${error.message}` };
    throw error;
  }
}

/** The only review reason that `--max` can resolve. */
const tooMany = 'too-many-matches';

/** Tries a receipt again; with `maxCustomers`, up to that many customers in each project. */
export function retryDecision(decision: OperatorDecision, context: OpsContext, maxCustomers?: number): ReceiptDecision {
  const most = maxCustomers === undefined ? {} : { maxCustomers };
  const input: DecisionInput = { ...decision, ...most, action: 'retry' };
  const isTooMany = ({ state, reason, decisions = [] }: Receipt) =>
    reason === tooMany || (state === 'open' && decisions.at(-1)?.reviewReason === tooMany);
  const canApply = (receipt: Receipt) => maxCustomers === undefined || isTooMany(receipt);
  return {
    change: receipt => (canApply(receipt) ? decideRetry(receipt, input) : undefined),
    changed: async next => `${withdrawn(next)}${await retriedText(next, context)}${retryHint(next)}`,
    unchanged: receipt => (canApply(receipt) || isFinal(receipt.state) ? notRetried(receipt) : notForMax(receipt)),
  };
}

async function retriedText(receipt: Receipt, context: OpsContext): Promise<string> {
  const { facts } = await readStopping(receipt, context);
  return facts.length === 0 ? 'retried by the next sweep' : `retried later: ${facts.join('; ')}`;
}

function notForMax(receipt: Receipt): DecisionResult {
  const isDecided = isRefusalDecided(receipt) || isPartialAccepted(receipt);
  if (!isDecided) return notPossible(`--max is only for the reason ${tooMany}`);
  return notPossible('it is decided already, and the next sweep closes it: retry without --max withdraws this');
}

/** Without `--max`, too many matches stay too many, unless customers were deleted meanwhile. */
function retryHint({ decisions = [] }: Receipt): string {
  const last = decisions.at(-1);
  if (last?.reviewReason !== tooMany || last.maxCustomers !== undefined) return '';
  return '; it needs another review unless fewer customers match (see --max)';
}

function withdrawn({ state, decisions = [] }: Receipt): string {
  const before = state === 'open' ? decisions.at(-2)?.action : undefined;
  if (before === 'refuse') return 'refusal withdrawn; ';
  return before === 'accept-partial' ? 'acceptance withdrawn; ' : '';
}

function notRetried(receipt: Receipt): DecisionResult {
  const { queue, state } = receipt;
  if (isWithdrawn(receipt))
    return notPossible('the platform withdrew the request, and got the reply that it is refused');
  if (queue === undefined) return { result: 'nothing', said: `already closed as ${state}: nothing to do` };
  return notPossible('a wrong customer was deleted for this receipt, so it deletes nothing more');
}

/** The only review reason that `--same-project` can resolve. */
const otherAppId = 'other-app-id';

/** Tries a receipt again, and accepts the current key of each project with stored pins. `appIds` are HMACs by project. */
export function sameProjectDecision(decision: OperatorDecision, appIds: ReadonlyMap<string, string>): ReceiptDecision {
  const pinned = ({ projects }: Receipt) =>
    Object.keys(projects).filter(name => projects[name]?.state === 'open' && projects[name].pins > 0);
  const unknown = (receipt: Receipt) => pinned(receipt).find(project => !appIds.has(project));
  const accepted = (receipt: Receipt) =>
    Object.fromEntries(pinned(receipt).flatMap(project => [[project, appIds.get(project) ?? '']]));
  return {
    change: receipt =>
      receipt.reason === otherAppId && unknown(receipt) === undefined
        ? decideRetry(receipt, { ...decision, action: 'retry', sameProject: accepted(receipt) })
        : undefined,
    changed: () => 'retried by the next sweep; a 404 under the current key now counts as the same project',
    unchanged: receipt => {
      if (receipt.reason !== otherAppId) return notPossible(`--same-project is only for the reason ${otherAppId}`);
      return notPossible(`the key of project ${unknown(receipt)} is not valid: run npm run ops -- doctor`);
    },
  };
}

/** Lets the next delivery of the same body open a new request. Only for platforms whose reference is a digest of the body. */
export function allowingNewRequest(
  decision: OperatorDecision,
  platforms: ReadonlyMap<string, Platform>,
): ReceiptDecision {
  const isDigest = ({ platform }: Receipt) => platforms.get(platform)?.referenceIsDigest === true;
  const input: DecisionInput = { ...decision, action: 'new-request' };
  return {
    change: receipt => (isDigest(receipt) ? newRequestDecided(receipt, input) : undefined),
    changed: () => 'the next delivery of the same body opens a new request: ask the sender to repeat it',
    unchanged: receipt => (isDigest(receipt) ? notAllowed(receipt) : hasRequestIds(receipt)),
  };
}

function notAllowed({ state }: Receipt): DecisionResult {
  if (isFinal(state)) return { result: 'nothing', said: 'already decided' };
  return notPossible('the receipt is not closed yet, and its attempts continue');
}

function hasRequestIds({ platform }: Receipt): DecisionResult {
  return notPossible(`--new-request is for platforms without request ids (shopify); ${platform} sends a new id`);
}

/** Accepts what is proved as the result of an erasure. */
export function acceptPartialDecision(decision: OperatorDecision): ReceiptDecision {
  return {
    change: receipt => decideAcceptPartial(receipt, { ...decision, action: 'accept-partial' }),
    changed: () => 'the next sweep closes it with what is proved; the evidence shows your decision',
    unchanged: notAccepted,
  };
}

function notAccepted(receipt: Receipt): DecisionResult {
  if (isPartialAccepted(receipt)) return { result: 'nothing', said: 'already accepted' };
  if (isFinal(receipt.state)) return { result: 'nothing', said: `already closed as ${receipt.state}: nothing to do` };
  if (receipt.state === 'open') return notPossible('the receipt is not in review, and its attempts continue');
  return notPossible('another attempt can still delete or find customers: retry or refuse it');
}

/** Refuses an erasure. */
export function refuseDecision(decision: OperatorDecision): ReceiptDecision {
  return {
    change: receipt => decideRefusal(receipt, { ...decision, action: 'refuse' }),
    changed: () => 'the next sweep closes it as refused',
    unchanged: notRefused,
  };
}

function notRefused(receipt: Receipt): DecisionResult {
  if (isRefusalDecided(receipt) || receipt.state === 'refused') return { result: 'nothing', said: 'already refused' };
  return notPossible(`already closed as ${receipt.state}, so it cannot be refused`);
}

function notPossible(why: string): DecisionResult {
  return { result: 'not-possible', said: `not changed: ${why}` };
}
