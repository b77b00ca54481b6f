import { createHash } from 'node:crypto';
import type { CallbackTarget, ErasureRequest } from '../../domain/erasure.ts';
import { Failure, failureOf } from '../../domain/failure.ts';
import type { HttpRequest } from '../../domain/http.ts';
import { parseStrictEntries } from '../../io/json.ts';
import { identifiersOf, matchingRule } from './identifiers.ts';
import { invalidAt, type Message, requiredText, valueAt, valueAtPlace } from './places.ts';
import type { ResolvedSettings } from './schema.ts';
import { timeAt } from './times.ts';

/** A list with more orders is refused. */
const maxOrders = 500;

/** What one order requests, or why it cannot be read: one of these. */
interface Order {
  readonly erase?: ErasureRequest;
  readonly withdraw?: Pick<ErasureRequest, 'scope' | 'reference'>;
  readonly isTest?: boolean;
  readonly isIgnored?: boolean;
  readonly failure?: Failure;
}

/** Returns the callbacks of an order. Throws `invalid` if a value that their URL needs is unusable. */
export type CallbacksOf = (message: Message) => readonly CallbackTarget[];

/**
 * Reads every order of a body; `failures` are those that cannot be read, and `message` is the first one, readable or not.
 * Throws a {@link Failure} only for a body that is not JSON or no list where one must be.
 */
export function readOrders(request: HttpRequest, settings: ResolvedSettings, callbacksOf: CallbacksOf) {
  const body = parseStrictEntries(request.rawBody);
  const messages: readonly Message[] = entriesOf(body, settings.each).map(entry => ({ request, body, entry }));
  const orders = messages.map(message => attempt(() => orderOf(message, settings, callbacksOf)));
  return {
    body,
    message: messages[0] ?? { request, body, entry: body },
    count: messages.length,
    erase: orders.flatMap(({ erase }) => erase ?? []),
    withdraw: orders.flatMap(({ withdraw }) => withdraw ?? []),
    failures: orders.flatMap(({ failure }) => failure ?? []),
    isTest: orders.some(({ isTest }) => isTest),
    hasIgnored: messages.length === 0 || orders.some(({ isIgnored }) => isIgnored),
  };
}

/** Returns the orders of a body: itself, or the entries of its list. */
export function entriesOf(body: unknown, each: string | undefined): readonly unknown[] {
  if (each === undefined) {
    if (Array.isArray(body)) throw invalidAt('', 'is a list, and the settings have no each');
    return [body];
  }
  const list = valueAt(body, each);
  if (!Array.isArray(list)) throw invalidAt(each, 'is not a list');
  if (list.length > maxOrders) throw new Failure('too-large', `${each || 'body'}: has over ${maxOrders} entries`);
  return list;
}

/** A failure is returned, not thrown: one unreadable order must not take others down. */
function attempt(read: () => Order): Order {
  try {
    return read();
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (failure.code === 'internal') throw thrown;
    return { failure };
  }
}

function orderOf(message: Message, settings: ResolvedSettings, callbacksOf: CallbacksOf): Order {
  const { entry } = message;
  if (entry instanceof Failure) throw entry;
  // Without a field, no rule could match it, and the order would be ignored.
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw invalidAt('', 'is not an object');
  const action = matchingRule(message, settings);
  if (action === 'ignore') return { isIgnored: true };
  if (action === 'test') return { isTest: true };
  const id = { scope: '', reference: referenceOf(message, settings.reference) };
  const order =
    action === 'withdraw' ? { withdraw: id } : { erase: { ...id, ...erasureOf(message, settings, callbacksOf) } };
  return isTest(message, settings.test) ? { isTest: true } : order;
}

function erasureOf(message: Message, settings: ResolvedSettings, callbacksOf: CallbacksOf) {
  const submittedAt = timeAt(settings.submittedAt, message);
  const dueAt = timeAt(settings.dueAt, message);
  return {
    ...identifiersOf(message, settings),
    callbacks: callbacksOf(message),
    ...(submittedAt === undefined ? {} : { submittedAt }),
    ...(dueAt === undefined ? {} : { dueAt }),
  };
}

/** It is used in URLs and headers, and must not be an e-mail address. */
const referencePattern = /^[A-Za-z0-9._:-]{1,128}$/;

/** Combines several values into one id that contains none of them. */
export function referenceOf(message: Message, places: string | readonly string[]): string {
  if (typeof places !== 'string') {
    const values = places.map(place => requiredText(place, message));
    return createHash('sha256').update(JSON.stringify(values)).digest('hex');
  }
  const reference = requiredText(places, message);
  if (referencePattern.test(reference)) return reference;
  throw invalidAt(places, 'must be 1 to 128 letters, digits, dots, dashes or colons');
}

/** Returns the reference in the path of a status request. Throws `not-found` if there is none. */
export function statusReference({ path }: HttpRequest): string {
  const last = decoded(path.slice(path.lastIndexOf('/') + 1));
  if (referencePattern.test(last)) return last;
  throw new Failure('not-found', 'path: names no request');
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

/** Only an explicit false deletes. Some senders write the flag as a string. */
function isTest(message: Message, place: string | undefined): boolean {
  const flag = place === undefined ? false : (valueAtPlace(place, message) ?? false);
  if (flag === true || flag === 'true') return true;
  if (flag === false || flag === 'false') return false;
  throw invalidAt(place ?? '', 'must be true or false');
}
