import { userInfo } from 'node:os';
import type { ParsedArgs } from './command.ts';
import type { OpsContext } from './desk.ts';
import { OpsUsageError } from './refused.ts';

/** Options of every command that changes something. */
export const decisionOptions = { why: { type: 'string' }, by: { type: 'string' } } as const;

export const decisionHelp = `  --why TEXT      the reason; it is kept with your name and the time, and signed (no personal data, please)
  --by NAME       who decides, if not the user of this machine`;

export interface OperatorDecision {
  readonly actor: string;
  readonly reason: string;
  readonly at: number;
}

/** Longest reason and name that are kept, in characters: they become part of the evidence. */
const longestText = 500;

/** Who decides, why and when. Throws {@link OpsUsageError} where no reason is given. */
export function decisionOf(typed: ParsedArgs, { now }: Pick<OpsContext, 'now'>): OperatorDecision {
  return {
    actor: kept('--by', typed.text('by') ?? userInfo().username),
    reason: kept('--why', typed.text('why')),
    at: now(),
  };
}

function kept(option: string, text = ''): string {
  if (text.trim() === '') throw new OpsUsageError(`${option}: must say ${option === '--why' ? 'the reason' : 'who'}`);
  if (/\S@\S+\.\S/.test(text))
    throw new OpsUsageError(`${option}: holds an e-mail address, and it is kept for 25 months`);
  if (text.length > longestText) throw new OpsUsageError(`${option}: at most ${longestText} characters`);
  return text;
}
