import type { Identity } from '../../domain/erasure.ts';
import type { Identifier, IdentifierKind } from '../../domain/identifiers.ts';
import { mapIdentities } from '../platform.ts';
import {
  headerOfPlace,
  invalidAt,
  leadsThroughList,
  type Message,
  optionalText,
  placeText,
  valueAt,
  valueAtPlace,
} from './places.ts';
import type { Conditions, IdentifierSource, ResolvedSettings } from './schema.ts';

/** More identifiers for one person are refused. */
const maxIdentifiers = 50;

/** Identities of one source, and what their spaces are in Voucherify. */
interface Found {
  readonly identities: readonly Identity[];
  readonly kinds: Readonly<Record<string, IdentifierKind>>;
}

/** Returns the identities of an order from every source in settings. Throws `invalid` for one that cannot be read. */
export function identifiersOf(
  message: Message,
  settings: ResolvedSettings,
): { readonly identities: readonly Identity[]; readonly identifiers: readonly Identifier[] } {
  const found = settings.identifiers.map(source =>
    isList(source) ? identitiesInList(source, message, settings) : identitiesAtPlaces(source, message),
  );
  return {
    identities: found.flatMap(({ identities }) => identities),
    identifiers: found.flatMap(({ identities, kinds }) => mapIdentities(identities, kinds)),
  };
}

type ListSource = Extract<IdentifierSource, { readonly list: string; readonly value: string }>;

function isList(source: IdentifierSource): source is ListSource {
  return 'list' in source;
}

/**
 * The type of an entry says what it is; without one, all have the same kind. An entry that does not fit `only`, such as a
 * hash, has no value to look up. In our own list, every type must be known.
 */
function identitiesInList(source: ListSource, message: Message, settings: ResolvedSettings): Found {
  const { list } = source;
  const kinds = 'kinds' in source ? source.kinds : { [list]: source.kind };
  const isOnly = settings.identifiers.length === 1;
  const identities = entriesAt(list, message, isOnly).map((entry, at) => {
    const textAt = (pointer: string) => placeText(valueAt(entry, pointer), `${list}/${at}${pointer}`) ?? '';
    const space = 'type' in source ? textAt(source.type) : list;
    const isMapped = Object.hasOwn(kinds, space);
    if (settings.hasOwnIdentifiers && !isMapped)
      throw invalidAt(`${list}/${at}/type`, 'must be customer_id, source_id, email or phone');
    const isRaw = holds('only' in source ? source.only : {}, pointer => valueAt(entry, pointer));
    // An entry of a type that is not mapped is not read any further.
    return { space, format: isRaw ? 'raw' : 'other', value: isMapped ? textAt(source.value) : '' };
  });
  return { identities, kinds };
}

/** An absent list has no entries if other sources may have some; as the only source, it was probably mapped wrongly. */
function entriesAt(list: string, { entry }: Message, isOnly: boolean): readonly unknown[] {
  const entries = valueAt(entry, list) ?? (isOnly ? undefined : []);
  if (!Array.isArray(entries)) throw invalidAt(list, 'is not a list');
  if (entries.length > maxIdentifiers) throw invalidAt(list, `has over ${maxIdentifiers} entries`);
  return entries;
}

/** A position in a list is no place: it would read one entry of any type, and leave out the others. */
function identitiesAtPlaces(kinds: Found['kinds'], message: Message): Found {
  const identities = Object.keys(kinds).flatMap(place => {
    if (leadsThroughList(place, message))
      throw invalidAt(place, 'leads through a list; settings need list, type and value');
    const value = optionalText(place, message);
    return value === undefined ? [] : [{ space: place, format: 'raw', value }];
  });
  return { identities, kinds };
}

/** Returns the places that a source of identifiers reads. */
export function identifierPlaces(source: IdentifierSource): readonly string[] {
  return isList(source) ? [source.list] : Object.keys(source);
}

/** Returns whether a place is that of an identifier, or above or below one, in a message or in a list that is pulled. */
export function namesIdentifier(place: string, { identifiers, each, pull }: ResolvedSettings): boolean {
  const lists = pull === undefined ? [each] : [each, pull.list];
  const header = headerOfPlace(place);
  return identifiers.flatMap(identifierPlaces).some(one => {
    const other = headerOfPlace(one);
    if (header !== undefined || other !== undefined) return header === other;
    return lists.some(list => overlaps(fromBody(place, list), fromBody(one, list)));
  });
}

/** Returns a place from the root of the body: `*` stands for the entries of the list of orders. */
function fromBody(place: string, list: string | undefined): string {
  return list === undefined || place.startsWith('message:') ? place : `${list}/*${place}`;
}

/** Any key can be an entry of a list, so `*` matches every key. */
function overlaps(a: string, b: string): boolean {
  const [keys, others] = [a.split('/').slice(1), b.split('/').slice(1)];
  return keys.slice(0, others.length).every((key, at) => key === others[at] || key === '*' || others[at] === '*');
}

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
