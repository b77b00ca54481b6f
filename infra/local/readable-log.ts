import { styleText } from 'node:util';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';

const lineSchema = v.looseObject({ time: v.string(), event: v.string() });

/**
 * Returns a log line for a person on a terminal with so many columns: local time, event, and what is not zero. Continues it
 * on the next line between two details. Other text stays as it is.
 */
export function readableLine(line: string, columns = Number.POSITIVE_INFINITY): string {
  const parsed = v.safeParse(lineSchema, parseJson(line)?.value);
  if (!parsed.success) return line;
  const { time, event, ...fields } = parsed.output;
  const clock = new Date(time).toLocaleTimeString('en-GB');
  const text = wrapDetails(`${clock}  ${event.padEnd(13)}`, detailsOf(fields), columns);
  return fields['alarm'] === undefined ? text : styleText('yellow', text, { stream: process.stderr });
}

/** An alarm and a platform need no name before them, and a code that only repeats the outcome says nothing. */
function detailsOf({ alarm, platform, receipt, ...rest }: Readonly<Record<string, unknown>>): readonly string[] {
  const others = Object.entries(rest).filter(
    ([name, value]) => value !== 0 && !(name === 'code' && value === rest['outcome']),
  );
  const details = [
    ...[alarm, platform].flatMap(value => (value === undefined ? [] : [String(value)])),
    ...others.map(([name, value]) => `${name} ${String(value)}`),
    ...(typeof receipt === 'string' ? [`receipt ${receipt.slice(0, 12)}…`] : []),
  ];
  return details.length === 0 ? ['nothing to do'] : details;
}

function wrapDetails(start: string, details: readonly string[], columns: number): string {
  const lines: string[] = [];
  let current = start;
  for (const [at, detail] of details.entries()) {
    const text = at === details.length - 1 ? detail : `${detail},`;
    if (at > 0 && current.length + 1 + text.length > columns) {
      lines.push(current);
      current = ' '.repeat(start.length);
    }
    current = `${current} ${text}`;
  }
  return `${[...lines, current].join('\n')}\n`;
}
