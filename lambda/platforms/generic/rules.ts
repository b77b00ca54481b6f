import type { Failure } from '../../domain/failure.ts';
import { invalidAt, type Message, valueAtPlace } from './places.ts';
import type { ResolvedSettings } from './resolve.ts';
import type { Conditions } from './schema.ts';

type Action = ResolvedSettings['rules'][number]['do'];

/** Returns the index of the first rule that matches an order, or -1. */
export function matchingRuleIndex(message: Message, { rules }: Pick<ResolvedSettings, 'rules'>): number {
  return rules.findIndex(({ when }) => holds(when, place => valueAtPlace(place, message)));
}

/** Returns what the first matching rule says. Throws `invalid` if none matches and the message is not ignored. */
export function matchingRule(message: Message, settings: Pick<ResolvedSettings, 'rules' | 'otherwise'>): Action {
  const rule = settings.rules[matchingRuleIndex(message, settings)];
  if (rule !== undefined) return rule.do;
  if (otherwiseFor(message, settings) === 'ignore') return 'ignore';
  throw noRule(message, settings.rules);
}

/**
 * Returns what happens to a message that no rule matches. It is refused whatever the settings say if no place of the rules
 * has a value, or if letter case or white space alone differ from an order or its withdrawal: ignored, it would be lost.
 */
export function otherwiseFor(
  message: Message,
  { rules, otherwise }: Pick<ResolvedSettings, 'rules' | 'otherwise'>,
): ResolvedSettings['otherwise'] {
  const readValue = (place: string) => valueAtPlace(place, message) ?? null;
  const isUnknownForm = rules.flatMap(({ when }) => Object.keys(when)).every(place => readValue(place) === null);
  const folded = (place: string) => fold(readValue(place));
  const isRespelled = rules.some(one => isOrder(one.do) && holds(foldedConditions(one.when), folded));
  return isUnknownForm || isRespelled ? 'refuse' : otherwise;
}

function isOrder(action: Action): boolean {
  return action === 'erase' || action === 'withdraw';
}

function foldedConditions(when: Conditions): Conditions {
  return Object.fromEntries(Object.entries(when).map(([place, allowed]) => [place, allowed.map(fold)]));
}

function fold<T>(value: T): T | string {
  return typeof value === 'string' ? value.trim().toLowerCase() : value;
}

/** Names the place that does not fit, if there is only one rule. */
function noRule(message: Message, rules: ResolvedSettings['rules']): Failure {
  const conditions = rules.flatMap(({ when }) => Object.entries(when));
  const wrong = conditions.filter(
    ([place, allowed]) => !holds({ [place]: allowed }, one => valueAtPlace(one, message)),
  );
  const [[first] = ['body']] = wrong;
  if (rules.length > 1) return invalidAt('body', 'no rule of the settings matches');
  return invalidAt(first, 'does not have the value that the settings require');
}

/** Returns whether every place has one of its values. `null` is also an absent value. */
export function holds(conditions: Conditions, readValue: (place: string) => unknown): boolean {
  return Object.entries(conditions).every(([place, allowed]) => {
    const value = readValue(place) ?? null;
    return allowed.some(one => one === value);
  });
}
