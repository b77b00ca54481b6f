import type { Typed } from './command.ts';
import { Refused } from './refused.ts';

/** The whole number that an option was given, or `undefined`. Throws {@link Refused} where it is none from 1 to `most`. */
export function numberOf(typed: Typed, option: string, most: number): number | undefined {
  const text = typed.text(option);
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw new Refused(`--${option}: must be a whole number from 1 to ${most}`);
  return value;
}
