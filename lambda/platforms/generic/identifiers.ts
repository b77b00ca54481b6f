import type { Identifier, IdentifierKind, Identity } from '../../domain/erasure.ts';
import { mapIdentities } from '../platform.ts';
import { invalidAt, leadsThroughList, type Message, optionalText, placeText, valueAt } from './places.ts';
import { holds } from './rules.ts';
import type { IdentifierSource, ResolvedSettings } from './schema.ts';

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
  { identifiers: sources, isOwnBody }: ResolvedSettings,
): { readonly identities: readonly Identity[]; readonly identifiers: readonly Identifier[] } {
  const found = sources.map(source => identitiesAt(source, message, isOwnBody));
  return {
    identities: found.flatMap(({ identities }) => identities),
    identifiers: found.flatMap(({ identities, kinds }) => mapIdentities(identities, kinds)),
  };
}

type TypedList = Extract<IdentifierSource, { readonly list: string; readonly kinds: object }>;
type PlainList = Extract<IdentifierSource, { readonly list: string; readonly kind: IdentifierKind }>;

function identitiesAt(source: IdentifierSource, message: Message, isOwnBody: boolean): Found {
  if (isTyped(source)) return typedIdentities(source, message, isOwnBody);
  return isPlain(source) ? plainIdentities(source, message) : identitiesAtPlaces(source, message);
}

function isTyped(source: IdentifierSource): source is TypedList {
  return 'list' in source && 'type' in source;
}

function isPlain(source: IdentifierSource): source is PlainList {
  return 'list' in source && 'value' in source;
}

/** The type of an entry says what it is. An entry that does not fit `only`, such as a hash, has no value to look up. */
function typedIdentities(
  { list, type, value, only = {}, kinds }: TypedList,
  message: Message,
  isOwnBody: boolean,
): Found {
  const identities = entriesAt(list, message).map((entry, at) => {
    const [typePlace, valuePlace] = [`${list}/${at}${type}`, `${list}/${at}${value}`];
    const space = placeText(valueAt(entry, type), typePlace) ?? '';
    if (isOwnBody && !Object.hasOwn(kinds, space)) {
      throw invalidAt(typePlace, 'must be customer_id, source_id, email or phone');
    }
    const isRaw = holds(only, pointer => valueAt(entry, pointer));
    // An entry of a type that is not mapped is not read any further.
    const isMapped = Object.hasOwn(kinds, space);
    const text = isMapped ? (placeText(valueAt(entry, value), valuePlace) ?? '') : '';
    return { space, format: isRaw ? 'raw' : 'other', value: text };
  });
  return { identities, kinds };
}

function plainIdentities({ list, value, kind }: PlainList, message: Message): Found {
  const identities = entriesAt(list, message).map((entry, at) => {
    const text = placeText(valueAt(entry, value), `${list}/${at}${value}`) ?? '';
    return { space: list, format: 'raw', value: text };
  });
  return { identities, kinds: { [list]: kind } };
}

/** An absent list has no entries. */
function entriesAt(list: string, { entry }: Message): readonly unknown[] {
  const entries = valueAt(entry, list);
  if (!Array.isArray(entries)) throw invalidAt(list, 'is not a list');
  if (entries.length > maxIdentifiers) throw invalidAt(list, `has over ${maxIdentifiers} entries`);
  return entries;
}

/** A position in a list is no place: it would read one entry, whatever its type, and leave out the others. */
function identitiesAtPlaces(kinds: Readonly<Record<string, IdentifierKind>>, message: Message): Found {
  const identities = Object.keys(kinds).flatMap(place => {
    const [root, pointer] = place.startsWith('message:') ? [message.body, place.slice(8)] : [message.entry, place];
    if (leadsThroughList(root, pointer))
      throw invalidAt(place, 'leads through a list; settings need list, type and value');
    const value = optionalText(place, message);
    return value === undefined ? [] : [{ space: place, format: 'raw', value }];
  });
  return { identities, kinds };
}
