import type { TimelinePart } from './figures.ts';

/** The parts of a bar, from below, with a text for people. */
export const groups = [
  ['complied', 'Erased'],
  ['noMatch', 'No match'],
  ['denied', 'Denied'],
  ['open', 'Open'],
] as const;

/** Size of a chart in its own units; it is as wide as the page. */
const size = { width: 720, height: 210, left: 44, bottom: 26, top: 18 } as const;
const inner = { width: size.width - size.left, height: size.height - size.top - size.bottom } as const;

/** Returns a chart of the requests in each part of the period, by outcome (SVG). */
export function requestsChart(parts: readonly TimelinePart[]): string {
  const bars = parts.map(({ label, figures }) => ({
    label: shortLabel(label),
    parts: groups.map(([name]) => ({ name, count: figures[name] })),
  }));
  return chart('Requests received, by outcome', bars);
}

/** Upper limits of the bars, in days. GDPR Article 12(3) gives one month, CCPA section 1798.130(a)(2) 45 days. */
const limits = [1, 3, 7, 14, 30, 45] as const;

/** Returns a chart of the days from request to end (SVG), and the same as texts. */
export function daysChart(sortedDays: Float64Array): string {
  const counts = [...limits, Number.POSITIVE_INFINITY].map((limit, at) => {
    const low = limits[at - 1] ?? Number.NEGATIVE_INFINITY;
    return sortedDays.reduce((sum, days) => sum + (days >= low && days < limit ? 1 : 0), 0);
  });
  const bars = counts.map((count, at) => ({
    label: daysLabel(at),
    parts: [{ name: at > limits.indexOf(30) ? 'late' : 'days', count }],
  }));
  return chart('Days from the request to its end, finished requests', bars);
}

function daysLabel(at: number): string {
  const [low, limit] = [limits[at - 1], limits[at]];
  if (low === undefined) return 'under 1 day';
  return limit === undefined ? `${low} and more` : `${low} to ${limit}`;
}

interface Bar {
  readonly label: string;
  /** From below. The name is a class of the style. */
  readonly parts: readonly { readonly name: string; readonly count: number }[];
}

/** Most labels that are readable below a chart. */
const mostLabels = 13;

function chart(title: string, bars: readonly Bar[]): string {
  const totals = bars.map(({ parts }) => parts.reduce((sum, { count }) => sum + count, 0));
  const top = niceTop(Math.max(1, ...totals));
  const slot = inner.width / Math.max(1, bars.length);
  const every = Math.ceil(bars.length / mostLabels);
  const drawn = bars.map((bar, at) => {
    const middle = round(size.left + slot * (at + 0.5));
    const total = totals[at] ?? 0;
    const value =
      total === 0 || every > 1 ? '' : text(middle, yOf(total, top) - 4, 'middle', total.toLocaleString('en'));
    const label = at % every === 0 ? text(middle, size.height - 8, 'middle', bar.label) : '';
    return `${rectangles(bar, { middle, width: Math.min(slot * 0.7, 54), top })}${value}${label}`;
  });
  const lines = [0, 0.5, 1].map(part => {
    const y = yOf(top * part, top);
    const number = (top * part).toLocaleString('en');
    return `<path d="M${size.left} ${y}H${size.width}"/>${text(size.left - 6, y + 4, 'end', number)}`;
  });
  const view = `viewBox="0 0 ${size.width} ${size.height}"`;
  return `<figure><figcaption>${title}</figcaption><svg ${view} role="img" aria-label="${title}: the numbers are in the tables">${lines.join('')}${drawn.join('')}</svg></figure>`;
}

function rectangles(
  { parts }: Bar,
  { middle, width, top }: { readonly middle: number; readonly width: number; readonly top: number },
): string {
  let below = 0;
  return parts
    .map(({ name, count }) => {
      const [from, to] = [yOf(below, top), yOf(below + count, top)];
      below += count;
      const box = `x="${round(middle - width / 2)}" y="${to}" width="${round(width)}" height="${round(from - to)}"`;
      return count === 0 ? '' : `<rect class="${name}" ${box}/>`;
    })
    .join('');
}

function text(x: number, y: number, anchor: 'middle' | 'end', content: string): string {
  return `<text x="${x}" y="${round(y)}" text-anchor="${anchor}">${content}</text>`;
}

function yOf(value: number, top: number): number {
  return round(size.top + inner.height * (1 - value / top));
}

/** Returns the next number with one digit other than zero that is even, so that its half is whole too. */
function niceTop(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  const top = [1, 2, 4, 6, 8, 10].map(step => step * power).find(step => step >= most) ?? most;
  return Math.max(2, top);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const formats = {
  7: new Intl.DateTimeFormat('en-GB', { month: 'short', year: '2-digit', timeZone: 'UTC' }),
  10: new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' }),
} as const;

function shortLabel(label: string): string {
  if (label.length === 7) return formats[7].format(Date.parse(label));
  return label.length === 10 ? formats[10].format(Date.parse(label)) : label;
}
