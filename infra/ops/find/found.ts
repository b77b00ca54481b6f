import { isFinal, type Receipt } from '../../../lambda/receipts/receipt.ts';
import { instant } from '../times.ts';

/** The answer to "did you erase this person?" in one line, from all receipts that name them. */
export function findSummary(receipts: readonly Receipt[]): string {
  if (receipts.length === 0) return 'nobody of that identifier was ever asked for here (in the last 25 months)';
  const erased = receipts.filter(({ state }) => state === 'erased');
  const open = receipts.filter(({ state }) => !isFinal(state));
  const others = receipts.filter(({ state }) => isFinal(state) && state !== 'erased');
  const last = Math.max(...erased.map(({ closedAt = 0 }) => closedAt));
  const services = [
    ...(erased.length === 0 ? [] : [`erased ${times(erased.length)}, last on ${instant(last)}`]),
    ...(open.length === 0 ? [] : [`asked for ${times(open.length)}, not finished`]),
    ...(others.length === 0 ? [] : [`asked for ${times(others.length)}, ended as ${outcomesOf(others)}`]),
  ];
  return services.join('; ');
}

/** One receipt of a person, without anything that the person is known by. */
export function findRow({ id, platform, receivedAt, state, closedAt, projects, evidence }: Receipt) {
  const deletions = Object.values(projects).flatMap(progress => progress.deletions);
  const count = (grade: string) => deletions.filter(({ proof }) => proof === grade).length;
  return {
    receipt: id,
    platform,
    receivedAt: instant(receivedAt),
    outcome: state,
    ...(closedAt === undefined ? {} : { closedAt: instant(closedAt) }),
    proof: { deleted: count('deleted'), gone: count('gone') },
    signed: evidence !== undefined,
  };
}

function times(count: number): string {
  return count === 1 ? '1 time' : `${count} times`;
}

function outcomesOf(receipts: readonly Receipt[]): string {
  return [...new Set(receipts.map(({ state }) => state))].toSorted().join(' and ');
}
