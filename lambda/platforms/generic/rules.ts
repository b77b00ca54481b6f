import type { Failure } from '../../domain/failure.ts';
import { invalidAt, type Message, valueAtPlace } from './places.ts';
import type { ResolvedSettings } from './schema.ts';

type Literal = string | number | boolean | null;
type Conditions = Readonly<Record<string, Literal | readonly Literal[]>>;
type Action = ResolvedSettings['rules'][number]['do'];

/** Returns the index of the first rule that matches an order, or -1. */
export function matchingRuleIndex(message: Message, { rules }: Pick<ResolvedSettings, 'rules'>): number {
  return rules.findIndex(({ when }) => holds(when, place => valueAtPlace(place, message)));
}

/** Returns what the first matching rule says. Throws `invalid` if none matches and settings do not ignore the others. */
export function matchingRule(message: Message, settings: Pick<ResolvedSettings, 'rules' | 'otherwise'>): Action {
  const rule = settings.rules[matchingRuleIndex(message, settings)];
  if (rule !== undefined) return rule.do;
  if (settings.otherwise === 'ignore') return 'ignore';
  throw noRule(message, settings.rules);
}

/** Names the place that does not fit, if there is only one rule. */
function noRule(message: Message, rules: ResolvedSettings['rules']): Failure {
  const conditions = Object.entries(rules[0]?.when ?? {});
  const wrong = conditions.find(([place, allowed]) => !holds({ [place]: allowed }, one => valueAtPlace(one, message)));
  if (rules.length > 1 || wrong === undefined) return invalidAt('body', 'no rule of the settings matches');
  return invalidAt(wrong[0], 'does not have the value that the settings require');
}

/** Returns whether every place has one of its values. `null` is also an absent value. */
export function holds(conditions: Conditions, readValue: (place: string) => unknown): boolean {
  return Object.entries(conditions).every(([place, allowed]) => {
    const value = readValue(place) ?? null;
    return [allowed].flat().some(one => one === value);
  });
}
