import type { Receipt } from '../../../lambda/receipts/receipt.ts';
import { isFinal } from '../../../lambda/receipts/receipt.ts';
import type { Answer } from '../../support/event.ts';
import type { Harness } from '../../support/harness.ts';
import { leaks, settle } from './world.ts';

/** What the attack knows by itself, without asking the program. */
interface Facts {
  /** Whether the caller proved to be the platform; undefined if it may have. */
  readonly genuine: boolean | undefined;
  /** The customers that may be deleted. */
  readonly meant: ReadonlySet<string>;
  /** The customers that must be gone when the outcome is `erased` or `no-match`. */
  readonly expected?: ReadonlySet<string>;
  /** Whether the message orders an erasure; undefined if it may. */
  readonly isOrder?: boolean | undefined;
  readonly answers: readonly Answer[];
  /** Whether Voucherify gave an answer that proves a deletion, or the absence of a customer, and was false. */
  readonly lied?: () => boolean;
}

/** Returns the rules that are broken once everything has settled. The rules are those of SECURITY.md. */
export async function brokenRules(world: Harness, facts: Facts): Promise<readonly string[]> {
  const callsBefore = world.sent.length;
  const repliedWith = facts.answers.flatMap(answer => brokenByReply(world, answer, facts));
  await settle(world);
  const receipts = await world.receipts();
  return [
    ...repliedWith,
    ...(facts.genuine === false ? forbiddenEffects(world, receipts, callsBefore) : []),
    ...world.deleted().flatMap(id => (facts.meant.has(id) ? [] : [`wrong person: ${id} was deleted`])),
    ...(await Promise.all(receipts.map(receipt => brokenByReceipt(world, receipt, facts)))).flat(),
    ...leaks(world),
  ];
}

function forbiddenEffects(world: Harness, receipts: readonly Receipt[], calls: number): readonly string[] {
  return [
    ...(receipts.length > 0 ? ['a request without proof was accepted'] : []),
    ...(calls > 0 || world.deleted().length > 0 ? ['a request without proof reached Voucherify'] : []),
  ];
}

function brokenByReply({ lines }: Harness, { status }: Answer, { genuine, isOrder }: Facts): readonly string[] {
  // An unfinished erasure is a 503 too, for a platform that learns the outcome only by sending the request again.
  const named = lines.filter(({ code, event }) => code !== undefined && (event === 'rejected' || event === 'attempt'));
  if (status === 500 || lines.some(({ code }) => code === 'internal')) return ['an unexpected error: 500'];
  if (status >= 500 && named.length === 0) return [`a ${status} that no log line names`];
  if (genuine === false) return status >= 200 && status < 300 ? [`a ${status} without proof`] : [];
  if (genuine !== true) return [];
  if (status >= 400 && status < 500 && lines.every(({ alarm }) => alarm === undefined)) {
    return [`a genuine request was refused with ${status} in silence`];
  }
  return isOrder === true && lines.length === 0 ? [`an order was answered ${status} in silence`] : [];
}

async function brokenByReceipt(world: Harness, receipt: Receipt, facts: Facts): Promise<readonly string[]> {
  const { id, state, reason, queue } = receipt;
  if (state === 'open') return [`lost: ${JSON.stringify(receipt.lastResult ?? 'never attempted')} is never closed`];
  if (state === 'needs-review') {
    const alarmed = world.lines.some(({ alarm, receipt: named }) => alarm !== undefined && named === id);
    const counted = world.lines.some(({ event, needsReview = 0 }) => event === 'sweep' && needsReview > 0);
    return [
      ...(alarmed || counted ? [] : [`silent: ${reason} raised no alarm`]),
      ...(reason === undefined || !/^[a-z0-9-]+$/.test(reason) ? [`silent: review without a reason`] : []),
    ];
  }
  const kept = (await world.store.readPersonalData(id)) !== undefined;
  return [
    ...(kept && isFinal(state) ? ['personal data is kept after the end'] : []),
    ...(queue === undefined ? [] : [`silent: closed, but ${queue} never ended`]),
    ...(facts.lied?.() === true ? [] : falseOutcome(world, receipt, facts)),
  ];
}

/** An outcome that the sandbox's own rows contradict. No attack states a time from 2015 to 2025, when they registered. */
function falseOutcome(world: Harness, { state }: Receipt, { meant, expected = new Set() }: Facts): readonly string[] {
  const left = (ids: ReadonlySet<string>) =>
    world.sandbox.customers().filter(({ id, created_at }) => ids.has(id) && isOld(world, created_at));
  const isLater = state === 'created-later' && left(meant).length === meant.size;
  const says = state === 'erased' || state === 'no-match';
  return [
    ...(says ? left(expected).map(({ id }) => `falsely ${state}: ${id} exists`) : []),
    ...(state === 'erased' && world.deleted().length === 0 ? ['falsely erased: nobody was deleted'] : []),
    ...(isLater ? ['falsely created-later: every customer is older'] : []),
  ];
}

function isOld(world: Harness, createdAt: unknown): boolean {
  return Date.parse(String(createdAt)) <= world.clock.now;
}
