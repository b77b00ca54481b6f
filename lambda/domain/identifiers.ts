import { domainToASCII, domainToUnicode } from 'node:url';

export type IdentifierKind = 'customer_id' | 'source_id' | 'email' | 'phone';

/** Identifies a person in Voucherify. A hash is never a value: a hashed identity has an empty one. */
export interface Identifier {
  readonly kind: IdentifierKind;
  readonly value: string;
}

/** The longest identifier that is looked up, in UTF-16 code units. */
export const maxIdentifierLength = 512;

const controlCharacter = /\p{Cc}/u;

/** The pattern of a customer id (Voucherify OpenAPI, loyalties v2), without its length, which may change. */
const customerId = /^cust_[A-Za-z0-9]+$/;

/** Returns whether a value may be part of a URL: not blank, `.`, `..`, ill-formed, too long or with control characters. */
export function isPlainValue(value: string): boolean {
  if (value.trim() === '' || value === '.' || value === '..') return false;
  return value.length <= maxIdentifierLength && value.isWellFormed() && !controlCharacter.test(value);
}

/** Returns whether a value has the format of a customer id. Every pin must have it. */
export function isCustomerId(value: string): boolean {
  return customerId.test(value) && isPlainValue(value);
}

/** Returns whether an identifier can be looked up. Voucherify cannot look up a phone number. */
export function isUsable({ kind, value }: Identifier): boolean {
  if (kind === 'phone') return false;
  if (kind === 'email') return canonicalEmail(value) !== undefined;
  return kind === 'customer_id' ? isCustomerId(value) : isPlainValue(value);
}

/** Returns the values to look up for an identifier: every spelling of an e-mail address; none if it cannot be looked up. */
export function spellingsOf(identifier: Identifier): readonly string[] {
  if (!isUsable(identifier)) return [];
  return identifier.kind === 'email' ? emailSpellings(identifier.value) : [identifier.value];
}

/** Returns the number of calls that these look-ups need, if each list of customers has one page. */
export function countLookUpCalls(identifiers: readonly Identifier[]): number {
  return identifiers.reduce((sum, identifier) => sum + spellingsOf(identifier).length, 0);
}

/** Returns the kinds of the identifiers that cannot be looked up, each once. */
export function kindsNotLookedUp(identifiers: readonly Identifier[]): IdentifierKind[] {
  return [...new Set(identifiers.filter(one => !isUsable(one)).map(({ kind }) => kind))].toSorted();
}

// E-mail addresses in one canonical form, for look-up, comparison and HMAC.

/** White space and invisible characters: zero-width characters, fillers, soft hyphens, direction marks, blank Braille. */
const blank = /[\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800]/u;

/**
 * Domains that may be given to the host parser. It would cut off other ASCII text: `ada@exa mple.com` becomes `ada@`.
 * Characters beyond ASCII cannot: it rejects a domain in which one is converted to such text.
 */
const convertible = /^[\w.\-\P{ASCII}]+$/u;

/**
 * Returns the canonical form of an address, or `undefined` for an unusable one: over 512 characters, ill-formed, with
 * white space, zero-width or control characters inside, or without text on both sides of an `@`. A text such as `unknown`
 * is a placeholder that several customers may have. White space and invisible characters at both ends are removed, the
 * local part becomes NFC in lower case, and the domain becomes ASCII by UTS 46 (non-transitional). A domain that cannot be
 * converted stays text, as NFC in lower case.
 */
export function canonicalEmail(address: string): string | undefined {
  const text = trim(address);
  if (address.length > maxIdentifierLength || !text.isWellFormed()) return undefined;
  if (!/^.+@.+$/u.test(text) || blank.test(text) || controlCharacter.test(text)) return undefined;
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
  return text.slice(0, text.lastIndexOf('@'));
}

/** Returns the `@` and the converted domain. */
function withDomain(text: string, convert: (domain: string) => string): string {
  return `@${convert(text.slice(text.lastIndexOf('@') + 1))}`;
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
