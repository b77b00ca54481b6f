import { invalidAt, type Message, valueAtPlace } from './places.ts';
import type { ResolvedSettings } from './resolve.ts';
import type { Conditions } from './schema.ts';

type Action = ResolvedSettings['rules'][number]['do'];

/** Returns the index of the first rule that matches an order, or -1. */
export function matchingRuleIndex(message: Message, { rules }: Pick<ResolvedSettings, 'rules'>): number {
  return rules.findIndex(({ when }) => unmetPlaces(when, message).length === 0);
}

/** Returns the places that do not have one of the values of a rule. */
export function unmetPlaces(when: Conditions, message: Message): readonly string[] {
  const unmet = Object.entries(when).filter(([place, allowed]) => !isOneOf(allowed, valueAtPlace(place, message)));
  return unmet.map(([place]) => place);
}

/** Returns what the first matching rule says. Throws `invalid` if none matches and the message is not ignored. */
export function matchingRule(message: Message, settings: Pick<ResolvedSettings, 'rules' | 'otherwise'>): Action {
  const { rules } = settings;
  const rule = rules[matchingRuleIndex(message, settings)];
  if (rule !== undefined) return rule.do;
  if (otherwiseFor(message, settings) === 'ignore') return 'ignore';
  if (rules.length > 1) throw invalidAt('', 'no rule of the settings matches');
  const [first = 'body'] = rules.flatMap(({ when }) => unmetPlaces(when, message));
  throw invalidAt(first, 'does not have the value that the settings require');
}

/**
 * Returns what happens to a message that no rule matches. It is refused, also against the settings, if no place of the rules
 * has a value, or if letter case or white space alone differ from an order or its withdrawal: ignored, it would be lost.
 */
export function otherwiseFor(
  message: Message,
  { rules, otherwise }: Pick<ResolvedSettings, 'rules' | 'otherwise'>,
): ResolvedSettings['otherwise'] {
  const readValue = (place: string) => valueAtPlace(place, message) ?? null;
  const isUnknownForm = rules.flatMap(({ when }) => Object.keys(when)).every(place => readValue(place) === null);
  const isRespelled = ({ when }: { readonly when: Conditions }) =>
    Object.entries(when).every(([place, allowed]) => isOneOf(allowed.map(fold), fold(readValue(place))));
  const orders = rules.filter(rule => rule.do === 'erase' || rule.do === 'withdraw');
  return isUnknownForm || orders.some(isRespelled) ? 'refuse' : otherwise;
}

function fold<T>(value: T): T | string {
  return typeof value === 'string' ? value.trim().toLowerCase() : value;
}

/** Returns whether every place has one of its values. */
export function holds(conditions: Conditions, readValue: (place: string) => unknown): boolean {
  return Object.entries(conditions).every(([place, allowed]) => isOneOf(allowed, readValue(place)));
}

/** `null` is also an absent value. */
function isOneOf(allowed: readonly unknown[], value: unknown): boolean {
  return allowed.includes(value ?? null);
}
