import fc from 'fast-check';
import type { SandboxCustomer } from '../../infra/local/sandbox/sandbox.ts';
import type { Identifier } from '../../lambda/domain/identifiers.ts';

const id = (letter: string) => `cust_${letter.repeat(24)}`;
const ada = id('A');

/** People whose names are traps: blank, dots, paths, encodings, look-alikes, shared and mixed-case addresses. */
const sourceIds = [
  ' ',
  '.',
  '..',
  '0',
  '%2e%2e',
  '%2F',
  'a/b',
  'a',
  'b',
  '../a',
  'permanent-deletion',
  'a/permanent-deletion',
  '?',
  '#',
  '\\',
  'ä',
  'a\u0308',
  'null',
  'undefined',
  '*',
  id('B'),
  id('Z'),
  'crm-1',
  'CRM-1',
  'crm-1 ',
  'crm-10',
  'kate@example.com',
  '{}',
  '1',
  '01',
  '1.0',
];
const emails = [
  'kate@example.com',
  '\u212aate@example.com',
  'KATE@EXAMPLE.COM',
  'kate+1@example.com',
  ' kate@example.com',
  'a@b',
  '@',
  '*',
  '%',
  ' ',
  'a',
];
export const people: readonly (SandboxCustomer & { readonly id: string })[] = [
  ...sourceIds.map((source_id, index) => ({ id: `cust_S${String(index).padStart(23, '0')}`, source_id })),
  ...emails.map((email, index) => ({ id: `cust_E${String(index).padStart(23, '0')}`, email })),
  ...['A', 'B', 'C', 'a'].map(letter => ({ id: id(letter) })),
];
export const known = new Map(people.map(person => [person.id, person]));

/** Lower case by the alphabet alone: other letters that end up the same are of other people. */
const folded = (text: string) => text.trim().replace(/[A-Z]/g, letter => letter.toLowerCase());

export function isMeant({ kind, value }: Identifier, person: SandboxCustomer): boolean {
  if (kind === 'customer_id') return person.id === value;
  if (kind === 'source_id') return person.source_id === value;
  return kind === 'email' && person.email !== undefined && folded(person.email) === folded(value);
}

const pieces = fc.constantFrom(
  '.',
  '/',
  '%',
  '%2e',
  '%2F',
  '\\',
  '?',
  '#',
  ' ',
  '\0',
  '\ud800',
  'a',
  'cust_',
  '@',
  '\u212a',
  '🙂',
);
const value = fc.oneof(
  fc.constantFrom(...people.flatMap(({ id: own, source_id, email }) => [own, source_id ?? own, email ?? own])),
  fc.array(pieces, { maxLength: 5 }).map(services => services.join('')),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.tuple(fc.constantFrom(...sourceIds, ...emails, ada), pieces).map(([whole, piece]) => whole + piece),
  fc.constantFrom(...sourceIds, ...emails, ada).map(whole => whole.toUpperCase()),
  fc.constantFrom(...sourceIds, ...emails, ada).map(encodeURIComponent),
);
export const identifier: fc.Arbitrary<Identifier> = fc.record({
  kind: fc.constantFrom('customer_id' as const, 'source_id' as const, 'email' as const, 'phone' as const),
  value,
});
