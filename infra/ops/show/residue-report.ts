import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { oneLine } from '../terminal.ts';

type Residue = NonNullable<Evidence['projects'][string]['residue']>;
type Count = Residue['before'][string] | undefined;

/** Returns what Voucherify listed for the customers of a project before the deletion and after it. */
export function residueText({ before, after }: Residue): string {
  const kinds = Object.keys(before).map(
    kind => `${kind} ${countsText(before[kind], after?.[kind], after !== undefined)}`,
  );
  return oneLine(`listed before the deletion, then after it: ${kinds.join('; ')}`);
}

function countsText(before: Count, after: Count, isCounted: boolean): string {
  if (isCounted && before === after && typeof before === 'string') return countText(before);
  if (!isCounted) return `${countText(before)}, then not counted yet`;
  return `${countText(before)}, then ${after === 0 ? 'not listed any more' : countText(after)}`;
}

function countText(count: Count): string {
  if (typeof count === 'number') return String(count);
  return `cannot be counted (${count === undefined ? 'unknown' : (reasons[count] ?? count)})`;
}

/** What a code means, if its word does not say it. */
const reasons: Readonly<Record<string, string>> = {
  'platform-waits': 'deleted at once',
  'erasures-wait': 'other erasures waited',
  'no-total': 'no total',
  'rate-limited': 'no spare calls',
  'out-of-time': 'no time',
  'token-400': 'scopes refused',
};

/** Returns what has no count, with the page that says so. Names each page once. */
export function notCountedText(notCounted: NonNullable<Evidence['notCounted']>): string {
  const pages = [...new Set(Object.values(notCounted))];
  const of = (page: string) => Object.keys(notCounted).filter(what => notCounted[what] === page);
  return oneLine(`cannot be counted: ${pages.map(page => `${of(page).join(', ')} (${page})`).join('; ')}`);
}
