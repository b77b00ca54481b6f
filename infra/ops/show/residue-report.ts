import type { Evidence } from '../../../lambda/receipts/evidence.ts';
import { oneLine } from '../terminal.ts';

/** Returns what Voucherify listed for the customers before and after the deletion; nothing if it was not to be counted. */
export function residueSection({ projects, notCounted }: Evidence) {
  if (notCounted === undefined) return [];
  const lines = Object.entries(projects).flatMap(([name, { residue }]) =>
    residue === undefined ? [] : [`project ${name}: ${residueText(residue)}`],
  );
  return [{ heading: 'What did Voucherify still list?', lines: [...lines, notCountedText(notCounted)] }];
}

type Residue = NonNullable<Evidence['projects'][string]['residue']>;
type Count = Residue['before'][string] | undefined;

function residueText({ before, after, at }: Residue): string {
  const kinds = Object.keys(before).map(
    kind => `${kind}: ${countsText(before[kind], after?.[kind], after !== undefined)}`,
  );
  return oneLine(`${kinds.join('; ')}${at === undefined ? '' : `; counted at ${at}`}`);
}

function countsText(before: Count, after: Count, isCounted: boolean): string {
  if (isCounted && before === after && typeof before === 'string') return unknown(before);
  const then = typeof before === 'number' ? `${before} before` : `before ${unknown(before)}`;
  if (!isCounted) return `${then}, not counted yet`;
  if (after === 0) return `${then}, not listed any more`;
  return `${then}, ${typeof after === 'number' ? `${after} after` : `after ${unknown(after)}`}`;
}

function unknown(code: Count): string {
  return `cannot be counted (${code === undefined ? 'unknown' : (reasons[String(code)] ?? code)})`;
}

/** What a code means, if its word does not say it. */
const reasons: Readonly<Record<string, string>> = {
  'platform-waits': 'deleted at once',
  'no-total': 'no total',
  'rate-limited': 'no spare calls',
  'out-of-time': 'no time',
  'token-400': 'scopes refused',
};

/** Names each page once. */
function notCountedText(notCounted: NonNullable<Evidence['notCounted']>): string {
  const pages = [...new Set(Object.values(notCounted))];
  const of = (page: string) => Object.keys(notCounted).filter(what => notCounted[what] === page);
  return oneLine(`cannot be counted: ${pages.map(page => `${of(page).join(', ')} (${page})`).join('; ')}`);
}
