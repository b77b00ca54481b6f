import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { jsonOrUndefined } from './event.ts';
import { type Listening, serve } from './loopback-servers.ts';

/** One request that the server received. */
export interface ReceivedCall {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  /** The body, if it is JSON. */
  readonly body: unknown;
  /** The body of a form. */
  readonly form?: string;
}

/** What the server replies with; the body is sent as it is if it is text. */
export interface ServedReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Ends the connection instead of the body. */
  readonly cut?: boolean;
}

/** A platform, or Voucherify, as a real server on loopback. */
export interface ListingPlatform extends Listening {
  readonly origin: string;
  readonly calls: readonly ReceivedCall[];
  /** Requests of one method, as their paths. */
  paths(method: string): readonly string[];
}

/** Starts a server that replies with what `reply` returns, and closes when the test is over. */
export async function serveListing(
  reply: (call: ReceivedCall) => ServedReply | Promise<ServedReply>,
): Promise<ListingPlatform> {
  const calls: ReceivedCall[] = [];
  const server = await serve(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const sent = await text(request);
    const { method = '', headers } = request;
    const isForm = headers['content-type'] === 'application/x-www-form-urlencoded';
    const content = isForm ? { body: undefined, form: sent } : { body: jsonOrUndefined(sent) };
    const call = { method, path: pathname, query: Object.fromEntries(searchParams), headers, ...content };
    calls.push(call);
    const { status, headers: replied = {}, body: replyBody = '', cut = false } = await reply(call);
    response.writeHead(status, { 'Content-Type': 'application/json', ...replied });
    const raw = typeof replyBody === 'string' ? replyBody : JSON.stringify(replyBody);
    if (cut) response.write(raw, () => response.destroy());
    else response.end(raw);
  });
  onTestFinished(server.close);
  const paths = (method: string) => calls.filter(call => call.method === method).map(({ path }) => path);
  return { ...server, origin: server.url.origin, calls, paths };
}
