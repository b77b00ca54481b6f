import { type Period, periodText } from '../closed-receipts.ts';
import { dateText, escapeHtml, htmlFile } from '../html.ts';
import { isoSeconds } from '../terminal.ts';
import type { Figures, ReportLine, TimelinePart } from './figures.ts';

/** What a report as a page says. */
export interface ReportPage {
  readonly period: Period;
  /** The only platform that was counted, if it is one. */
  readonly platform: string | undefined;
  /** Of each platform, and in total. */
  readonly lines: readonly ReportLine[];
  readonly parts: readonly TimelinePart[];
  readonly sortedDays: Float64Array;
  /** Receipts that could not be counted. */
  readonly unreadable: number;
  /** When the report was made, in epoch milliseconds. */
  readonly at: number;
}

/** The parts of a bar, from below, with a text for people. */
const groups = [
  ['complied', 'Erased'],
  ['noMatch', 'No match'],
  ['denied', 'Denied'],
  ['open', 'Open'],
] as const;

/** Returns the report as one HTML file for people who are not engineers. It loads nothing and runs no script. */
export function reportHtml(page: ReportPage): string {
  const { lines, parts, sortedDays } = page;
  const total = lines.at(-1);
  const body = `<main>
<h1>Requests to erase personal data in Voucherify</h1>
<p>Received ${dateText(periodText(page.period))}${page.platform === undefined ? '' : `, from ${escapeHtml(page.platform)} only`}. Made on ${dateText(isoSeconds(page.at))}.</p>
${page.unreadable === 0 ? '' : `<p class="warning">Incomplete: ${page.unreadable} receipts were written by an unknown version and are not counted.</p>`}
${total === undefined ? '' : tiles(total)}
${legend}
${requestsChart(parts)}
${daysChart(sortedDays)}
<p class="small">A bar for 30 days or more is red. The law gives one month (GDPR) or 45 days (CCPA), unless the time was extended.</p>
<h2>By platform</h2>
${platformTable(lines)}
<h2>By time of receipt</h2>
${timeTable(parts)}
${explanation}
</main>`;
  return htmlFile({ title: 'Requests to erase personal data in Voucherify', style, body });
}

function tiles(total: Figures): string {
  const { received, complied, noMatch, denied, open, medianDays, meanDays } = total;
  const days = (value: number | undefined) => (value === undefined ? '–' : String(value));
  const all = [
    ...[['Received', number(received)] as const, ['Erased', number(complied)] as const],
    ...[['No match', number(noMatch)] as const, ['Denied', number(denied)] as const, ['Open', number(open)] as const],
    ...[['Days, median', days(medianDays)] as const, ['Days, mean', days(meanDays)] as const],
  ];
  return `<dl class="tiles">${all.map(([term, value]) => `<div><dt>${term}</dt><dd>${value}</dd></div>`).join('')}</dl>`;
}

const legend = `<ul class="legend">${groups
  .map(
    ([name, label]) =>
      `<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="${name}" width="10" height="10"/></svg>${label}</li>`,
  )
  .join('')}</ul>`;

function platformTable(lines: readonly ReportLine[]): string {
  const rows = lines.map(line => {
    const {
      platform,
      refused,
      notIdentifiable,
      createdLater,
      medianDays = '–',
      meanDays = '–',
      ignored,
      reappeared,
    } = line;
    const rest = [refused, notIdentifiable, createdLater].map(number);
    return [
      escapeHtml(platform),
      ...counts(line),
      ...rest,
      String(medianDays),
      String(meanDays),
      number(ignored),
      number(reappeared),
    ];
  });
  const more = ['Refused', 'Not identifiable', 'Created later', 'Median days', 'Mean days', 'Ignored', 'Reappeared'];
  return table(['Platform', ...countHeader, ...more], rows);
}

const countHeader = ['Received', ...groups.map(([, label]) => label)];

function counts(figures: Figures): readonly string[] {
  return [number(figures.received), ...groups.map(([name]) => number(figures[name]))];
}

function timeTable(parts: readonly TimelinePart[]): string {
  const rows = parts.map(({ label, figures }) => [label, ...counts(figures)]);
  return table(['Received in', ...countHeader], rows);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = header.map(cell => `<th scope="col">${cell}</th>`).join('');
  const body = rows.map(([first = '', ...rest]) => {
    return `<tr><th scope="row">${first}</th>${rest.map(cell => `<td>${cell}</td>`).join('')}</tr>`;
  });
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

const explanation = `<h2>What the words mean</h2>
<dl class="words">
<dt>Erased</dt><dd>at least one customer was permanently deleted, with proof from Voucherify (“complied with, in whole or in part”)</dd>
<dt>No match</dt><dd>no customer matched, or (“created later”) only customers who were created after the request, so there was nothing to delete</dd>
<dt>Denied</dt><dd>refused by an operator, or not identifiable: no identifier of the request could be looked up</dd>
<dt>Open</dt><dd>not finished, including requests that wait for a decision</dd>
<dt>Days</dt><dd>from the time of the request, as the platform states it, to its end; finished requests only</dd>
<dt>Ignored</dt><dd>messages that asked nothing of this service; they are not requests</dd>
<dt>Reappeared</dt><dd>times that an erased person was noticed in Voucherify again</dd>
</dl>
<p class="small">The figures are those of the CCPA regulations, section 7102(a)(1), for requests to delete. Receipts are kept for 25 months after they are closed; older ones are not counted. This page is not signed: the evidence of each request is.</p>`;

const style = `
@page { size: A4; margin: 12mm 14mm; }
:root { color-scheme: light; }
* { box-sizing: border-box; margin: 0; }
body { background: #eceef1; color: #16191d; font: 15px/1.45 system-ui, sans-serif; }
main { background: #fff; display: grid; gap: .7rem; grid-template-columns: minmax(0, 1fr); margin: 1.5rem auto; max-width: 64rem; padding: clamp(1rem, 4vw, 2.5rem); }
h1 { font-size: 1.6em; line-height: 1.2; }
h2 { break-after: avoid; font-size: 1.05em; margin-top: .4em; }
.small { color: #4b5563; font-size: .9em; }
.warning { border-left: .3em solid #a52a20; color: #a52a20; font-weight: 600; padding-left: .6em; }
.tiles { display: flex; flex-wrap: wrap; gap: .5rem; }
.tiles div { border: 1px solid #d5d9de; border-radius: 6px; flex: 1 1 6rem; padding: .4em .7em; }
.tiles dt { color: #4b5563; font-size: .85em; white-space: nowrap; }
.tiles dd { font-size: 1.4em; font-weight: 650; margin: 0; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; }
.legend svg { height: .8em; margin-right: .4em; width: .8em; }
figure { break-inside: avoid; overflow-x: auto; }
figcaption { font-weight: 650; }
figure svg { display: block; height: auto; min-width: 36rem; width: 100%; }
svg text { fill: #4b5563; font: 12px system-ui, sans-serif; }
svg path { stroke: #d5d9de; }
svg rect { print-color-adjust: exact; stroke: #fff; stroke-width: .5; }
rect.complied { fill: #1f6f4a; }
rect.noMatch { fill: #8fb3d9; }
rect.denied { fill: #c8642b; }
rect.open { fill: #5b6470; }
rect.days { fill: #3a6ea5; }
rect.late { fill: #a52a20; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85em; font-variant-numeric: tabular-nums; width: 100%; }
th, td { border-bottom: 1px solid #d5d9de; padding: .2em .4em; text-align: right; vertical-align: bottom; }
th { font-weight: 600; }
th:first-child { max-width: 12rem; overflow-wrap: break-word; text-align: left; }
tbody tr:last-child th, tbody tr:last-child td { border-bottom: 0; }
tr { break-inside: avoid; }
.words { display: grid; gap: .1em .8em; grid-template-columns: max-content minmax(0, 1fr); font-size: .9em; }
.words dt { font-weight: 600; }
.words dd { margin: 0; }
@media print {
  body { background: none; font-size: 8.4pt; line-height: 1.25; }
  .tiles { flex-wrap: nowrap; }
  .tiles div { flex: 1 1 0; padding: .2em .5em; }
  main { gap: 1.3mm; margin: 0; max-width: none; padding: 0; }
  .wide, figure { overflow: visible; }
  figure svg { height: 37mm; min-width: 0; }
  th, td { padding: .1em .4em; }
}
`;

/** Size of a chart in its own units; it is as wide as the page. */
const size = { width: 720, height: 210, left: 44, bottom: 26, top: 18 } as const;
const inner = { width: size.width - size.left, height: size.height - size.top - size.bottom } as const;

/** Returns a chart of the requests in each part of the period, by outcome (SVG). */
function requestsChart(parts: readonly TimelinePart[]): string {
  const bars = parts.map(({ label, figures }) => ({
    label: shortLabel(label),
    parts: groups.map(([name]) => ({ name, count: figures[name] })),
  }));
  return chart('Requests received, by outcome', bars);
}

/** Upper limits of the bars, in days. GDPR Article 12(3) gives one month, CCPA section 1798.130(a)(2) 45 days. */
const limits = [1, 3, 7, 14, 30, 45] as const;

/** Returns a chart of the days from request to end (SVG), and the same as texts. */
function daysChart(sortedDays: Float64Array): string {
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
