import { createHash } from 'node:crypto';
import type { CallbackTarget, ErasureRequest } from '../../domain/erasure.ts';
import { Failure, failureOf } from '../../domain/failure.ts';
import { type HttpRequest, isJson } from '../../domain/http.ts';
import { parseStrictEntries, parseStrictJson } from '../../io/json.ts';
import { identifiersOf } from './identifiers.ts';
import { invalidAt, type Message, requiredText, valueAt, valueAtPlace } from './places.ts';
import type { ResolvedSettings } from './resolve.ts';
import { matchingRule } from './rules.ts';
import { timeAt } from './times.ts';

/** A list with more orders is refused. */
const maxOrders = 500;

/** What one order requests. */
type Order =
  | { readonly erase: ErasureRequest }
  | { readonly withdraw: RequestId }
  | { readonly ignore: string }
  | { readonly test: true };

type RequestId = Pick<ErasureRequest, 'scope' | 'reference'>;

/** Returns the callbacks of an order. Throws `invalid` if a value that their URL needs is unusable. */
export type CallbacksOf = (message: Message) => readonly CallbackTarget[];

export type ParsedOrders = (
  | {
      readonly erase: readonly ErasureRequest[];
      readonly withdraw: readonly RequestId[];
      readonly unreadable: readonly string[];
    }
  | { readonly ignore: string }
  | { readonly test: true }
) & {
  /** The first order that decided, whose values the reply may hold. */
  readonly message: Message;
  /** Whether any part of the message was ignored. */
  readonly hasIgnored: boolean;
};

/** The orders of a body, and what could not be read. */
interface OrdersFound {
  readonly body: unknown;
  /** The number of entries, readable or not. */
  readonly count: number;
  readonly erase: readonly ErasureRequest[];
  readonly withdraw: readonly RequestId[];
  readonly failures: readonly Failure[];
  readonly isTest: boolean;
  readonly hasIgnored: boolean;
  readonly message: Message;
}

/** Parses a body as settings map it. Throws a {@link Failure} if nothing in it can be read. */
export function parseOrders(request: HttpRequest, settings: ResolvedSettings, callbacksOf: CallbacksOf): ParsedOrders {
  if (!isJson(request)) throw new Failure('unsupported-media-type', 'Content-Type: must be application/json');
  const { erase, withdraw, failures, isTest, hasIgnored, message } = readOrders(request, settings, callbacksOf);
  if (erase.length + withdraw.length > 0)
    return { erase, withdraw, unreadable: failures.map(one => one.message), message, hasIgnored };
  const [first] = failures;
  if (first !== undefined) throw first;
  return { ...(isTest ? { test: true } : { ignore: 'rule' }), message, hasIgnored };
}

/** Reads every order of a body. Throws a {@link Failure} only for a body that is not JSON or no list where one must be. */
export function readOrders(request: HttpRequest, settings: ResolvedSettings, callbacksOf: CallbacksOf): OrdersFound {
  const parse = settings.each === '' ? parseStrictEntries : parseStrictJson;
  const body = parse(request.rawBody);
  const messages = entriesOf(body, settings.each).map(entry => ({ request, body, entry }));
  const parsed = messages.map(message => attempt(() => orderOf(message, settings, callbacksOf)));
  const orders = parsed.flatMap(one => (one instanceof Failure ? [] : [one]));
  return {
    body,
    count: messages.length,
    erase: orders.flatMap(order => ('erase' in order ? [order.erase] : [])),
    withdraw: orders.flatMap(order => ('withdraw' in order ? [order.withdraw] : [])),
    failures: parsed.filter(one => one instanceof Failure),
    isTest: orders.some(order => 'test' in order),
    hasIgnored: messages.length === 0 || orders.some(order => 'ignore' in order),
    message: messages[0] ?? { request, body, entry: body },
  };
}

/** Returns the orders of a body: itself, or the entries of its list. */
export function entriesOf(body: unknown, each: string | undefined): readonly unknown[] {
  if (each === undefined) {
    if (Array.isArray(body)) throw new Failure('invalid', 'body: is a list, and the settings have no each');
    return [body];
  }
  const list = valueAt(body, each);
  if (!Array.isArray(list)) throw invalidAt(each, 'is not a list');
  if (list.length > maxOrders)
    throw new Failure('too-large', `${each === '' ? 'body' : each}: has over ${maxOrders} entries`);
  return list;
}

/** Returns a failure as a value: one unreadable order must not take others down. */
function attempt(read: () => Order): Order | Failure {
  try {
    return read();
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (failure.code === 'internal') throw thrown;
    return failure;
  }
}

function orderOf(message: Message, settings: ResolvedSettings, callbacksOf: CallbacksOf): Order {
  const { entry } = message;
  if (entry instanceof Failure) throw entry;
  // Without a field, no rule could match it, and the order would be ignored.
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw invalidAt('', 'is not an object');
  const action = matchingRule(message, settings);
  if (action === 'ignore') return { ignore: 'rule' };
  if (action === 'test') return { test: true };
  const order =
    action === 'withdraw'
      ? { withdraw: { scope: '', reference: referenceOf(message, settings.reference) } }
      : { erase: erasureOf(message, settings, callbacksOf) };
  return isTest(message, settings.test) ? { test: true } : order;
}

function erasureOf(message: Message, settings: ResolvedSettings, callbacksOf: CallbacksOf): ErasureRequest {
  const submittedAt = timeAt(settings.submittedAt, message);
  const dueAt = timeAt(settings.dueAt, message);
  return {
    reference: referenceOf(message, settings.reference),
    scope: '',
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
  if (!referencePattern.test(last)) throw new Failure('not-found', 'path: names no request');
  return last;
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
