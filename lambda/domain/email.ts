import { domainToASCII, domainToUnicode } from 'node:url';

// E-mail addresses in one canonical form, for look-up, comparison and HMAC.

/** The longest identifier that is looked up, in UTF-16 code units. */
export const maxIdentifierLength = 512;

/** White space and invisible characters: zero-width characters, soft hyphens, direction marks. */
const blank = /[\u034f\p{White_Space}\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]/u;
const controlCharacter = /\p{Cc}/u;

/** Domains that may be given to the host parser. It would cut off raw text: `ada@exa mple.com` becomes `ada@`. */
const convertible = /^[\p{L}\p{Nd}\p{M}._-]+$/u;

/**
 * Returns the canonical form of an address, or `undefined` for an unusable one: only white space or dots, over 512
 * characters, ill-formed, or with white space, zero-width or control characters inside. White space and invisible
 * characters at both ends are removed, the local part becomes NFC in lower case, and the domain becomes ASCII by UTS 46
 * (non-transitional). A domain that cannot be converted stays text, as NFC in lower case. Text without an `@` is a local
 * part.
 */
export function canonicalEmail(address: string): string | undefined {
  const text = trim(address);
  if (address.length > maxIdentifierLength || !text.isWellFormed()) return undefined;
  if (/^\.{0,2}$/.test(text) || blank.test(text) || controlCharacter.test(text)) return undefined;
  return lowerCase(localPart(text)) + withDomain(text, asciiDomain);
}

/**
 * Returns whether two addresses are the same: their canonical forms are equal, and so are their local parts in upper
 * case. The second comparison keeps `ẞ` and `ß` apart, which are equal in lower case only.
 */
export function isSameEmail(one: unknown, other: string): boolean {
  if (typeof one !== 'string') return false;
  const canonical = canonicalEmail(one);
  if (canonical === undefined || canonical !== canonicalEmail(other)) return false;
  return upperCase(localPart(trim(one))) === upperCase(localPart(trim(other)));
}

/** Returns the distinct spellings to look up for an address; none if it is unusable. */
export function emailSpellings(address: string): readonly string[] {
  const canonical = canonicalEmail(address);
  if (canonical === undefined) return [];
  const unicode = localPart(canonical) + withDomain(canonical, unicodeDomain);
  const spellings = new Set([address, trim(address), canonical, unicode, toNfd(unicode)]);
  return [...spellings].filter(spelling => canonicalEmail(spelling) === canonical);
}

function trim(address: string): string {
  const characters = [...address];
  const isText = (character: string) => !blank.test(character);
  return characters.slice(Math.max(0, characters.findIndex(isText)), characters.findLastIndex(isText) + 1).join('');
}

function localPart(text: string): string {
  return text.includes('@') ? text.slice(0, text.lastIndexOf('@')) : text;
}

/** Returns the `@` and the converted domain, or an empty string without an `@`. */
function withDomain(text: string, convert: (domain: string) => string): string {
  return text.includes('@') ? `@${convert(text.slice(text.lastIndexOf('@') + 1))}` : '';
}

function asciiDomain(domain: string): string {
  return convertHost(domain, domainToASCII) ?? lowerCase(domain);
}

function unicodeDomain(domain: string): string {
  return convertHost(domain, domainToUnicode) ?? domain;
}

/** Appends a label of letters, because the parser reads a host that ends in a number as IPv4: `1.2` as `1.0.0.2`. */
function convertHost(domain: string, convert: (host: string) => string): string | undefined {
  const host = convertible.test(domain) ? convert(`${domain}.x`) : '';
  return host.slice(0, -'.x'.length) || undefined;
}

function lowerCase(text: string): string {
  return toNfc(betweenSingletons(toNfc(text), run => run.toLowerCase()));
}

function upperCase(text: string): string {
  return toNfc(betweenSingletons(toNfc(text), run => run.toUpperCase()));
}

function toNfc(text: string): string {
  return betweenSingletons(text, run => run.normalize('NFC'));
}

function toNfd(text: string): string {
  return betweenSingletons(text, run => run.normalize('NFD'));
}

/** Changes the text but not its singletons, whose canonical form is one other character: the Kelvin sign is not a `k`. */
function betweenSingletons(text: string, change: (run: string) => string): string {
  const singletons = [...text].filter(isSingleton).join('');
  const parts = text.split(new RegExp(`([${singletons}])`, 'u'));
  return parts.map((part, index) => (index % 2 === 0 ? change(part) : part)).join('');
}

function isSingleton(character: string): boolean {
  const normalised = character.normalize('NFC');
  return normalised !== character && [...normalised].length === 1;
}
