import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { parseJson } from '../../lambda/io/json.ts';
import type { ManualEvent } from '../../lambda/request/receive-manual.ts';
import type { WebhookHandler } from '../../lambda/webhook.ts';
import { contextUntil } from './gateway.ts';
import { isFromThisPage } from './page/guard.ts';
import type { ServePage } from './page/page.ts';

/** Where the operator's tool sends requests by hand to a local run, in place of an invocation of the function. */
export const manualRoutePath = '/local/manual';

/** More than the longest event with the longest identifiers, in bytes. */
const maxBytes = 262_144;

/** As long as the webhook's own timeout. */
const timeoutMs = 15_000;

const body = v.object({ manual: v.unknown() });

/**
 * Creates the route for requests by hand of a local run with a sandbox. It refuses web pages of another origin, as
 * the routes of the page do.
 */
export function createManualRoute(handler: WebhookHandler): ServePage {
  return (request, response) => {
    if (request.method !== 'POST' || request.url !== manualRoutePath) return false;
    if (isFromThisPage(request, request.socket.localPort ?? 0)) void exchange(handler, request, response);
    else answer(response, 403, { message: 'only the operator’s tool may do this' });
    return true;
  };
}

async function exchange(handler: WebhookHandler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const { manual } = v.parse(body, parseJson(await readText(request))?.value);
    // The handler checks the event as it does in Lambda; no other key of the body gets there.
    const event = { manual } as ManualEvent;
    answer(response, 200, await handler(event, contextUntil(performance.now() + timeoutMs)));
  } catch (error) {
    answer(response, error instanceof v.ValiError ? 400 : 502, { message: 'it failed' });
  }
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function answer(response: ServerResponse, status: number, reply: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(reply));
}
