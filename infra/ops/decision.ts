import { userInfo } from 'node:os';
import type { Typed } from './command.ts';
import type { Desk } from './desk.ts';
import { Refused } from './refused.ts';

/** Options of every command that changes something. */
export const decisionOptions = { why: { type: 'string' }, by: { type: 'string' } } as const;

export const decisionHelp = `  --why TEXT      the reason; it is kept with your name and the time, and signed (no personal data, please)
  --by NAME       who decides, if not the user of this machine`;

export interface Decided {
  readonly by: string;
  readonly why: string;
  readonly at: number;
}

/** Longest reason and name that are kept, in characters: they become part of the evidence. */
const longestText = 500;

/** Who decides, why and when. Throws {@link Refused} where no reason is given. */
export function decisionOf(typed: Typed, { now }: Pick<Desk, 'now'>): Decided {
  return {
    by: kept('--by', typed.text('by') ?? userInfo().username),
    why: kept('--why', typed.text('why')),
    at: now(),
  };
}

function kept(option: string, text = ''): string {
  if (text.trim() === '') throw new Refused(`${option}: must say ${option === '--why' ? 'the reason' : 'who'}`);
  if (/\S@\S+\.\S/.test(text)) throw new Refused(`${option}: holds an e-mail address, and it is kept for 25 months`);
  if (text.length > longestText) throw new Refused(`${option}: at most ${longestText} characters`);
  return text;
}
