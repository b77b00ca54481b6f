import { styleText } from 'node:util';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';

const lineSchema = v.looseObject({ time: v.string(), event: v.string() });

/** Returns a log line for a person on a terminal: local time, event, and what is not zero. Other text stays as it is. */
export function readableLine(line: string): string {
  const parsed = v.safeParse(lineSchema, parseJson(line)?.value);
  if (!parsed.success) return line;
  const { time, event, receipt, ...rest } = parsed.output;
  const details = Object.entries(rest).filter(([, value]) => value !== 0);
  const id = typeof receipt === 'string' ? [`receipt ${receipt.slice(0, 12)}…`] : [];
  const texts = [...details.map(([name, value]) => `${name} ${String(value)}`), ...id];
  const clock = new Date(time).toLocaleTimeString('en-GB');
  const isAlarm = rest['alarm'] !== undefined;
  const text = `${clock}  ${event.padEnd(9)} ${texts.length === 0 ? 'nothing to do' : texts.join(', ')}\n`;
  return isAlarm ? styleText('yellow', text, { stream: process.stderr }) : text;
}
