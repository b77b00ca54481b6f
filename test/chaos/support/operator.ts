import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { updateReceipt } from '../../../lambda/receipts/store.ts';
import { decideRefusal, decideRetry } from '../../../lambda/receipts/transitions.ts';
import { uidOf } from './watched-store.ts';
import type { World } from './world.ts';

const everyMs = 1_800_000;

/** How often a receipt that needs review is refused instead of retried, and how often an open receipt is refused at random. */
const refusedOfAsking = 0.2;
/** The same if the reason cannot go away: each retry finds the customer absent again, and proves no more than the first. */
const refusedIfUnprovable = 0.7;
const refusedOfOpen = 0.003;

/** An operator, until a day after the last request: decides on receipts that need review, and refuses some. */
export function operator(world: World, within: number): void {
  const random = world.random.fork();
  const shift = () => {
    if (world.time.now() - world.start > within + 24 * 3_600_000) return;
    world.time.in(everyMs * (0.5 + random.next()), shift);
    for (const receipt of [...world.watch.receipts.values()].filter(({ state }) => !isFinal(state))) {
      const asks = receipt.state === 'needs-review';
      const refusedOfReview = receipt.reason === 'unseen-unproven' ? refusedIfUnprovable : refusedOfAsking;
      if (random.chance(asks ? refusedOfReview : refusedOfOpen)) void decide('refuse', receipt, world);
      else if (asks) void decide('retry', receipt, world);
    }
  };
  world.time.in(everyMs, shift);
}

/** As the operator's tool does it, over whatever the workers write in the meantime. */
async function decide(what: 'retry' | 'refuse', receipt: Receipt, { stores, truth, time }: World): Promise<void> {
  const change = what === 'retry' ? decideRetry : decideRefusal;
  const uid = uidOf(receipt);
  // Before it is written: the sweep may close it while the answer is on its way.
  if (what === 'refuse') truth.refused(uid);
  const decided = { at: time.now(), actor: 'on-call', action: what, reason: 'chaos' };
  const { done } = await updateReceipt(stores.store, receipt, standing => change(standing, decided));
  if (done) truth.note(uid, `an operator decides: ${what}`);
}
