import { ignoredKey } from '../../../lambda/request/receive.ts';
import { reappearedKey } from '../../../lambda/sweep/sign-evidence.ts';
import { OpsUsageError, type ParsedArgs } from '../args.ts';
import { isIn, type Period, periodHelp, periodOf, periodOptions } from '../closed-receipts.ts';
import type { Command, OpsContext } from '../context.ts';
import { dayMs, type Output } from '../terminal.ts';
import {
  addTo,
  addToTimeline,
  type DailyCounts,
  emptyTally,
  emptyTimeline,
  printLines,
  reportLines,
  sortedDays,
  type Tally,
  timelineParts,
} from './figures.ts';
import { reportHtml } from './report-html.ts';

export const reportCommand: Command = {
  summary: 'count requests of a period, for the yearly metrics of the CCPA',
  options: { ...periodOptions, platform: { type: 'string' }, html: { type: 'boolean' } },
  help: `npm run ops -- report --year YYYY | --from DATE --to DATE [--platform NAME]

Prints the metrics of the CCPA regulations, section 7102(a), for requests to
delete: one line for each platform and a total. On a terminal it is a table;
in a file or pipe, CSV (RFC 4180: lines end with CR LF). It counts requests that
were received in the period. It reads every receipt, so it takes a while.
Receipts expire 25 months after they are closed.

${periodHelp}
  --platform NAME only requests of one platform
  --html          one HTML file with charts of requests, outcomes and days, for
                  people who are not engineers. It prints on A4

  received                    requests to delete
  complied_in_whole_or_part   erased in at least one project
  denied                      refused + not_identifiable
  no_match                    no customer found, or only customers created after
                              the request, so nothing to delete; counted
                              neither as complied with nor as denied. Your
                              privacy officer decides how to report these.
                              Each "try ketch" is one of them
  open                        not finished, including those that need a review
  refused                     refused by an operator, also after a partial
                              erasure ("show" lists the deletions)
  not_identifiable            denied, because no identifier could be looked up
                              (not verifiable)
  created_later               part of no_match: every customer found was created
                              after the request
  median_days, mean_days      from the time of the request, as stated by the
                              platform, to its end; finished requests only
  still_present               erased, but Voucherify returned a customer an hour
                              or more after the deletion
  unavailable                 erased, but the customers could not be looked up
                              again for a day or more
  ignored                     messages of generic platforms that ask nothing of
                              this service; they are not requests
  reappeared                  times that an erased person was noticed in
                              Voucherify again, by the day of the event; only if
                              the settings have "reappearance"

received = complied_in_whole_or_part + denied + no_match + open

  npm run -s ops -- report --year 2026 > 2026.csv
  npm run -s ops -- report --year 2026 --html > 2026.html
  npm run ops -- report --from 2026-11-23 --to 2026-11-24 \\
    --platform ketch --json
`,
  run: report,
};

/** Receipts between two progress messages. */
const progressStep = 500;

async function report(args: ParsedArgs, context: OpsContext, output: Output): Promise<number> {
  if (args.positionals.length > 0) throw new OpsUsageError('report: takes options only, no arguments');
  const isHtml = args.isSet('html');
  if (isHtml && output.json) throw new OpsUsageError('report: only one of --html and --json');
  const period = requiredPeriod(args);
  const platform = args.text('platform');
  const { byPlatform, timeline, unreadable } = await countReceipts({ period, platform }, context, output);
  const names = [...byPlatform.keys()];
  const ignored = await readCounters(ignoredKey, names, platform, period, context);
  const reappeared = await readCounters(reappearedKey, names, platform, period, context);
  const lines = reportLines(byPlatform, { ignored, reappeared });
  if (isHtml) {
    const parts = timelineParts(timeline);
    const days = sortedDays([...byPlatform.values()]);
    output.print(reportHtml({ period, platform, lines, parts, sortedDays: days, unreadable, at: context.now() }));
  } else if (output.json) output.printJson({ lines, unreadable });
  else printLines(lines, output);
  if (unreadable > 0) output.warn(`not counted: ${unreadable} receipts written by an unknown version`);
  return unreadable === 0 ? 0 : 1;
}

interface ReportFilter {
  readonly period: Period;
  readonly platform: string | undefined;
}

/** Counts the receipts one by one, by platform and by time of receipt. */
async function countReceipts({ period, platform: only }: ReportFilter, { all }: OpsContext, output: Output) {
  const read = { all: 0, unreadable: 0 };
  const byPlatform = new Map<string, Tally>();
  const timeline = emptyTimeline(period);
  const countUnreadable = () => {
    read.unreadable += 1;
  };
  for await (const { platform, receivedAt, ...receipt } of all(countUnreadable)) {
    read.all += 1;
    if (read.all % progressStep === 0) output.progress(`${read.all} receipts read`);
    if (!isIn(period, receivedAt) || (only ?? platform) !== platform) continue;
    const tally = byPlatform.get(platform) ?? emptyTally();
    byPlatform.set(platform, tally);
    addTo(tally, receipt);
    addToTimeline(timeline, receivedAt, receipt.state);
  }
  output.progress('');
  return { byPlatform, timeline, unreadable: read.unreadable };
}

/** DynamoDB reads at most so many rows in one call. */
const keysPerRead = 100;

/** Returns the sum of the daily counters of each platform in the period, without the platforms that have none. */
async function readCounters(
  keyOf: (platform: string, at: number) => string,
  withReceipts: readonly string[],
  only: string | undefined,
  { from, before }: Period,
  { settings, control }: OpsContext,
): Promise<DailyCounts> {
  const names = [...new Set([...withReceipts, ...Object.keys(settings.platforms)])];
  const days = Array.from({ length: Math.ceil((before - from) / dayMs) }, (_, at) => from + at * dayMs);
  const counts = new Map<string, number>();
  for (const platform of names.filter(name => (only ?? name) === name)) {
    let sum = 0;
    for (let first = 0; first < days.length; first += keysPerRead) {
      const rows = await control.read(days.slice(first, first + keysPerRead).map(day => keyOf(platform, day)));
      for (const { value } of rows.values()) sum += Number(value);
    }
    if (sum > 0) counts.set(platform, sum);
  }
  return counts;
}

/** Returns the period of the report, which has both ends. Throws {@link OpsUsageError}. */
function requiredPeriod(args: ParsedArgs): Period {
  const period = periodOf(args);
  const missing = Number.isFinite(period.from) ? 'to' : 'from';
  if (!Number.isFinite(period.from) || !Number.isFinite(period.before))
    throw new OpsUsageError(`--${missing}: must be a day such as 2026-01-31; or give --year`);
  return period;
}
