import type { Identifier } from '../../lambda/erasure.ts';
import { lookUpProgress } from '../../lambda/voucherify/look-up-progress.ts';
import { resolve } from '../../lambda/voucherify/resolve.ts';
import { callsTo, type ErasingHouse, start } from './erasing-house.ts';

export const id = (letter: string) => `cust_${letter.repeat(24)}`;
export const [ada, ben, cleo] = [id('A'), id('B'), id('C')];
export const iso = (at: number) => new Date(at).toISOString();

/** What the identifiers of a request submitted then name in the sandbox. */
export function resolved(
  house: ErasingHouse,
  identifiers: readonly Identifier[],
  maxCustomers = 5,
  submittedAt = start,
) {
  const progress = lookUpProgress(undefined, appId => appId);
  const ways = {
    voucherify: callsTo(house),
    progress,
    now: () => house.clock.now,
    until: start + 10_000,
    mostPages: 99,
  };
  return resolve({ identifiers, submittedAt, maxCustomers: maxCustomers }, ways);
}

/** The same, as the customers' ids and whether each was seen. */
export async function found(house: ErasingHouse, identifiers: readonly Identifier[], submittedAt = start) {
  const answer = await resolved(house, identifiers, 5, submittedAt);
  return answer.kind === 'found' ? answer.candidates.map(({ id: one, seen }) => [one, seen]) : answer.kind;
}
