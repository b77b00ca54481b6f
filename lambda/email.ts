import { domainToASCII, domainToUnicode } from 'node:url';

/** E-mail addresses in one form, for look-up, comparison and HMAC. Imports nothing of ours. */

/** Longest identifier that is looked up, in UTF-16 code units. */
export const maxIdentifierLength = 512;

/** White space, and what takes no space at all: zero-width characters, soft hyphens, marks of direction. */
const blank = /[\u034f\p{White_Space}\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]/u;
const controlCharacter = /\p{Cc}/u;

/** What UTS 46 converts. The host parser reads raw text otherwise: of `ada@exa mple.com` it leaves `ada@`. */
const convertible = /^[\p{L}\p{Nd}\p{M}._-]+$/u;

/**
 * The canonical form of an address, or `undefined` for one that cannot be used: nothing but white space or dots, over
 * 512 characters, ill-formed, or with white space, zero-width or control characters inside. Blanks at both ends are
 * removed, the local part is NFC in lower case, the domain is ASCII as UTS 46 converts it (non-transitional). A domain
 * that cannot be converted stays NFC text in lower case. Text without an `@` is a local part.
 */
export function canonicalEmail(address: string): string | undefined {
  const text = trimmed(address);
  if (address.length > maxIdentifierLength || !text.isWellFormed()) return undefined;
  if (/^\.{0,2}$/.test(text) || blank.test(text) || controlCharacter.test(text)) return undefined;
  return lowerCase(localPart(text)) + withDomain(text, asciiDomain);
}

/**
 * Whether two addresses are the same: their canonical forms are equal, and so are the local services in upper case, since
 * `ẞ` and `ß` meet in lower case only.
 */
export function isSameEmail(one: unknown, other: string): boolean {
  if (typeof one !== 'string') return false;
  const canonical = canonicalEmail(one);
  if (canonical === undefined || canonical !== canonicalEmail(other)) return false;
  return upperCase(localPart(trimmed(one))) === upperCase(localPart(trimmed(other)));
}

/** The distinct spellings under which an address is looked up, each once; none for an address that cannot be used. */
export function emailSpellings(address: string): readonly string[] {
  const canonical = canonicalEmail(address);
  if (canonical === undefined) return [];
  const unicode = localPart(canonical) + withDomain(canonical, unicodeDomain);
  const spellings = new Set([address, trimmed(address), canonical, unicode, decomposed(unicode)]);
  return [...spellings].filter(spelling => canonicalEmail(spelling) === canonical);
}

function trimmed(address: string): string {
  const characters = [...address];
  const isText = (character: string) => !blank.test(character);
  return characters.slice(Math.max(0, characters.findIndex(isText)), characters.findLastIndex(isText) + 1).join('');
}

function localPart(text: string): string {
  return text.includes('@') ? text.slice(0, text.lastIndexOf('@')) : text;
}

/** The `@` and the domain after it, converted; empty where there is none. */
function withDomain(text: string, convert: (domain: string) => string): string {
  return text.includes('@') ? `@${convert(text.slice(text.lastIndexOf('@') + 1))}` : '';
}

function asciiDomain(domain: string): string {
  return converted(domain, domainToASCII) ?? lowerCase(domain);
}

function unicodeDomain(domain: string): string {
  return converted(domain, domainToUnicode) ?? domain;
}

/** The last label is ours: a host that ends in a number is an IPv4 address to the parser, and `1.2` is `1.0.0.2`. */
function converted(domain: string, convert: (host: string) => string): string | undefined {
  const host = convertible.test(domain) ? convert(`${domain}.x`) : '';
  return host.slice(0, -'.x'.length) || undefined;
}

function lowerCase(text: string): string {
  return composed(betweenSingletons(composed(text), run => run.toLowerCase()));
}

function upperCase(text: string): string {
  return composed(betweenSingletons(composed(text), run => run.toUpperCase()));
}

function composed(text: string): string {
  return betweenSingletons(text, run => run.normalize('NFC'));
}

function decomposed(text: string): string {
  return betweenSingletons(text, run => run.normalize('NFD'));
}

/** Characters that are canonically one other character stay as they are: the Kelvin sign is not a `k`. */
function betweenSingletons(text: string, change: (run: string) => string): string {
  const singletons = [...text].filter(isSingleton).join('');
  const services = text.split(new RegExp(`([${singletons}])`, 'u'));
  return services.map((part, index) => (index % 2 === 0 ? change(part) : part)).join('');
}

function isSingleton(character: string): boolean {
  const normalised = character.normalize('NFC');
  return normalised !== character && [...normalised].length === 1;
}
