import type { ParsedArgs } from './command.ts';
import { OpsUsageError } from './refused.ts';

/** The whole number that an option was given, or `undefined`. Throws {@link OpsUsageError} where it is none from 1 to `most`. */
export function numberOf(typed: ParsedArgs, option: string, most: number): number | undefined {
  const text = typed.text(option);
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw new OpsUsageError(`--${option}: must be a whole number from 1 to ${most}`);
  return value;
}
