import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { parseJson } from '../../../lambda/io/json.ts';
import { localCustomers } from '../sandbox/seeded-customers.ts';
import { customersOf, openPageState, type PageState, type PageStateOptions } from './state.ts';

export interface PageOptions extends PageStateOptions {
  /** Moves the clock of the run ahead by so many milliseconds, and then sweeps. Waits for sweeps that are running. */
  readonly sweepAfter: (aheadMs: () => number) => Promise<void>;
}

/** Answers requests of the page, and returns false for every other request. */
export type ServePage = (request: IncomingMessage, response: ServerResponse) => boolean;

/** What a route returns: a status, and an error for a person if it failed. */
interface Done {
  readonly status: number;
  readonly message?: string;
}

type Action = (body: unknown, origin: string) => Promise<Done> | Done;

const html = readFileSync(new URL('./page.html', import.meta.url), 'utf8');

/**
 * Creates the page of a local run. It is served at `/`, its routes are under `/local/`. It acts only through what a person
 * could do as well: requests over HTTP, the sandbox, the sweep and the clock.
 */
export function createPage(options: PageOptions): ServePage {
  const state = openPageState(options);
  const actions = actionsOf(options, state);
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (path !== '/' && !path.startsWith('/local/')) return false;
    const port = request.socket.localPort ?? 0;
    const route = `${request.method} ${path}`;
    if (!isFromThisPage(request, port)) replyJson(response, 403, { message: 'only the page itself may do this' });
    else if (route === 'GET /') response.writeHead(200, pageHeaders(html)).end(html);
    else if (route === 'GET /local/events') streamState(state, response);
    else void act(actions.get(route), request, response, `http://127.0.0.1:${port}`);
    return true;
  };
}

function actionsOf(options: PageOptions, state: PageState): ReadonlyMap<string, Action> {
  const { sandbox, sweepAfter, journal, services } = options;
  return new Map<string, Action>([
    ['POST /local/requests', (body, origin) => send(body, origin, options, state)],
    [
      'POST /local/outage',
      body => {
        const { mode } = v.parse(outageSchema, body);
        sandbox.outage(mode ?? undefined);
        return changed(state);
      },
    ],
    [
      'POST /local/time',
      async body => {
        const move = v.parse(timeSchema, body);
        await sweepAfter(() => aheadMs(move, services.now()));
        return changed(state);
      },
    ],
    [
      'POST /local/customers',
      () => {
        const [project = ''] = sandbox.projects();
        for (const customer of localCustomers) sandbox.register(customer, project);
        return changed(state);
      },
    ],
    [
      'POST /local/alarms',
      () => {
        journal.clearAlarms();
        return { status: 200 };
      },
    ],
  ]);
}

const outageSchema = v.object({ mode: v.nullable(v.picklist(['error', 'down', 'hang', 'quota', 'key'])) });
/** The clock moves by some minutes, or to the time of a receipt's next attempt. */
const timeSchema = v.union([v.object({ minutes: v.picklist([0, 1, 60]) }), v.object({ until: v.number() })]);

/** Longer than any wait for an attempt, in milliseconds. */
const maxAheadMs = 86_400_000;

function aheadMs(move: v.InferOutput<typeof timeSchema>, now: number): number {
  return 'minutes' in move ? move.minutes * 60_000 : Math.min(Math.max(move.until - now, 0), maxAheadMs);
}

const sendSchema = v.object({ platform: v.string(), customer: v.string(), wrongSecret: v.boolean() });

async function send(body: unknown, origin: string, { sandbox }: PageOptions, state: PageState): Promise<Done> {
  const { customer: id, ...order } = v.parse(sendSchema, body);
  const customer = customersOf(sandbox).find(one => one.id === id);
  if (customer === undefined) return { status: 400, message: 'no such customer' };
  const sent = await state.exchanges.send(order, customer, origin);
  return sent === undefined
    ? { status: 400, message: 'this platform has no identifier of this customer' }
    : { status: 200 };
}

function changed(state: PageState): Done {
  state.changed();
  return { status: 200 };
}

/** The largest body of an action: a name of a platform and an id. */
const maxBytes = 4096;

async function act(
  action: Action | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  origin: string,
): Promise<void> {
  if (action === undefined) return replyJson(response, 404, { message: 'no such route' });
  try {
    const { status, ...reply } = await action(parseJson(await readText(request))?.value, origin);
    replyJson(response, status, reply);
  } catch (error) {
    const isTheirs = error instanceof v.ValiError;
    replyJson(response, isTheirs ? 400 : 500, { message: isTheirs ? 'not understood' : 'it failed' });
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    if (text.length < maxBytes) text += String(chunk);
  }
  return text;
}

/** Sends a JSON reply that no cache keeps. */
export function replyJson(response: ServerResponse, status: number, reply: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(reply));
}

/** Sends the whole state, and again after each change, as server-sent events (HTML, section 9.2). */
function streamState(state: PageState, response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const write = (text: string) => void response.write(`data: ${text}\n\n`);
  response.once('close', state.subscribe(write));
}

/**
 * Returns whether a request comes from the page itself, from the address bar or from a link. Another web page could also reach
 * this machine: under its own name that resolves to 127.0.0.1, so `Host` must be this server. Or by a request that changes
 * something, without reading the response, so a change needs the `Origin` of this server, and JSON.
 */
export function isFromThisPage(request: Pick<IncomingMessage, 'method' | 'headers'>, port: number): boolean {
  const { headers } = request;
  const { host = '', origin, 'sec-fetch-site': site = 'same-origin', 'content-type': type = '' } = headers;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) return false;
  // A link from elsewhere may lead here; it cannot put the page into a frame.
  const isVisit = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  if (request.method === 'GET') return site === 'same-origin' || site === 'none' || isVisit;
  return origin === `http://${host}` && site === 'same-origin' && type === 'application/json';
}

/** Returns the headers of the page: it may run its own script, use its own style, and call its own server only. */
function pageHeaders(html: string): Readonly<Record<string, string>> {
  const sources = (tag: string) =>
    [...html.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))]
      .map(([, text = '']) => `'sha256-${hash('sha256', text, 'base64')}'`)
      .join(' ');
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy':
      `default-src 'none'; script-src ${sources('script')}; style-src ${sources('style')}; connect-src 'self'; ` +
      "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  };
}
