import { headerOfPlace } from './places.ts';
import type { IdentifierSource, ResolvedSettings } from './schema.ts';

/** Returns the places that a source of identifiers reads. */
export function identifierPlaces(source: IdentifierSource): readonly string[] {
  return typeof source['list'] === 'string' && 'value' in source ? [source['list']] : Object.keys(source);
}

/** Returns whether a place is that of an identifier, or above or below one. */
export function namesIdentifier(place: string, { identifiers, each }: ResolvedSettings): boolean {
  const header = headerOfPlace(place);
  return identifiers.flatMap(identifierPlaces).some(one => {
    const other = headerOfPlace(one);
    if (header !== undefined || other !== undefined) return header === other;
    return overlaps(fromBody(place, each), fromBody(one, each));
  });
}

/** Returns a place from the root of the body: `*` stands for the entries of the list of orders. */
function fromBody(place: string, each: string | undefined): string {
  if (place.startsWith('message:')) return place.slice('message:'.length);
  return each === undefined ? place : `${each}/*${place}`;
}

/** Any key can be an entry of a list, so `*` matches every key. */
function overlaps(a: string, b: string): boolean {
  const [keys, others] = [a.split('/').slice(1), b.split('/').slice(1)];
  return keys.slice(0, others.length).every((key, at) => key === others[at] || key === '*' || others[at] === '*');
}
