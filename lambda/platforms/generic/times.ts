import { parseTime } from '../platform.ts';
import { invalidAt, type Message, optionalText } from './places.ts';

/** Where a time is, and how it is written. */
interface TimePlace {
  readonly at: string;
  readonly unit: keyof typeof rules;
  readonly zone?: string;
}

/**
 * Returns the time at a place in epoch milliseconds, `undefined` if it is missing. Throws `invalid` for anything else, also
 * for a time without a zone that the settings do not state.
 */
export function timeAt(time: TimePlace | undefined, message: Message): number | undefined {
  if (time === undefined) return undefined;
  const { at: place, unit, zone = '' } = time;
  const text = optionalText(place, message);
  if (text === undefined) return undefined;
  const at = unit === 'local' ? localTime(text, zone) : readTime(text, unit);
  if (at === undefined) throw invalidAt(place, rules[unit]);
  return at;
}

const rules = {
  rfc3339: 'must be an RFC 3339 time with its zone',
  s: 'must be seconds since 1970',
  ms: 'must be milliseconds since 1970',
  local: 'must be a time such as 2026-01-15T12:00:00',
};

/** Returns a time in epoch milliseconds, or `undefined` if the text is not one in this unit. */
export function readTime(text: string, unit: 's' | 'ms' | 'rfc3339'): number | undefined {
  if (unit === 'rfc3339') return parseTime(text);
  return /^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) * (unit === 's' ? 1000 : 1) : undefined;
}

/** Returns whether a text is a time zone that `Intl` knows: a name of the IANA database, or an offset. */
export function isZone(zone: string): boolean {
  try {
    offsetAt(0, zone);
    return true;
  } catch {
    return false;
  }
}

/** RFC 3339 without its zone; seconds may be left out. */
const localPattern = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?$/;

/** A time that exists twice, when clocks are set back, is the earlier one: customers created after it are not deleted. */
function localTime(text: string, zone: string): number | undefined {
  if (!localPattern.test(text)) return undefined;
  const clock = text.replace(' ', 'T');
  const utc = Date.parse(`${clock}Z`);
  if (Number.isNaN(utc)) return undefined;
  const candidates = [utc - 86_400_000, utc + 86_400_000].map(near => Date.parse(`${clock}${offsetAt(near, zone)}`));
  const shown = candidates.filter(at => Date.parse(`${clock}${offsetAt(at, zone)}`) === at);
  const [earliest] = (shown.length > 0 ? shown : candidates).toSorted((a, b) => a - b);
  return earliest;
}

/** Returns the offset from UTC at a time, such as `+01:00`, or `Z`. Throws for an unknown zone. */
function offsetAt(at: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  return format.format(at).replace(/.*GMT/, '') || 'Z';
}
