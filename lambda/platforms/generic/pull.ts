import type { HttpRequest } from '../../domain/http.ts';
import type { OrderPull } from '../platform.ts';
import { type CallbacksOf, readOrders } from './orders.ts';
import { invalidAt, placeText, valueAt } from './places.ts';
import type { PullSettings, ResolvedSettings } from './schema.ts';
import type { CallHeaders } from './secrets.ts';

/** Returns how a platform is asked for its orders, with its templates parsed. */
export function compilePull(
  pull: PullSettings,
  settings: ResolvedSettings,
  callbacksOf: CallbacksOf,
  calls: CallHeaders,
): OrderPull {
  const { url, method, next } = pull;
  const body: string | undefined = JSON.stringify(pull.body);
  return {
    everyMs: pull.everyMinutes * 60_000,
    maxPages: pull.maxPages,
    buildCall: async (context, cursor) => {
      const { headers, ...token } = await calls.render(context);
      const call = {
        method,
        url: pageUrl(url, next, cursor),
        headers: { Accept: 'application/json', ...headers },
        ...token,
      };
      if (body === undefined) return call;
      const length = String(Buffer.byteLength(body));
      return {
        ...call,
        headers: { 'Content-Type': 'application/json', 'Content-Length': length, ...call.headers },
        body,
      };
    },
    parsePage: (text, cursor) => {
      const perPage = { ...settings, each: pull.list };
      const { erase, failures, body: page, count } = readOrders(asMessage(text), perPage, callbacksOf);
      const following = nextPage(next, page, cursor, count);
      const unreadable = failures.map(({ message }) => message);
      return { erase, unreadable, ...(following === undefined ? {} : { next: following }) };
    },
  };
}

/** The cursor is the number of the page or a value of the page before; it is encoded as one query value. */
function pageUrl(url: string, next: PullSettings['next'], cursor: string | undefined): URL {
  const target = new URL(url);
  const value = cursor ?? (next !== undefined && 'from' in next ? String(next.from) : undefined);
  if (next !== undefined && value !== undefined) target.searchParams.set(next.query, value);
  return target;
}

/** Largest length of a cursor from the platform. */
const maxCursorLength = 2048;

/** Numbered pages end with an empty one; a cursor ends where the platform sends none. */
function nextPage(next: PullSettings['next'], page: unknown, cursor: string | undefined, count: number) {
  if (next === undefined) return undefined;
  if ('from' in next) return count === 0 ? undefined : String(Number(cursor ?? next.from) + next.step);
  const value = placeText(valueAt(page, next.at), next.at);
  if (value !== undefined && value.length > maxCursorLength) throw invalidAt(next.at, 'is too long');
  return value;
}

/** A page is read as the body of a message without headers. */
function asMessage(text: string): HttpRequest {
  return { method: 'GET', path: '', headers: new Map(), rawBody: Buffer.from(text) };
}
