import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { customerSchema } from './customer.ts';
import { jsonObjectOf, jsonResponse, type SandboxRequest, type SandboxResponse } from './responses.ts';
import { type Sandbox, Unreachable } from './sandbox.ts';

/** A listening sandbox. */
export interface SandboxServer {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Stops listening and closes every connection; the sandbox itself stays open. */
  close(): Promise<void>;
}

/**
 * Serves the sandbox over HTTP on 127.0.0.1, with its control routes under `/sandbox`; port 0 selects a free port.
 * Rejects with Node's error if it cannot listen, for example `EADDRINUSE`.
 */
export async function serveSandbox(sandbox: Sandbox, port: number): Promise<SandboxServer> {
  const server = createServer((incoming, outgoing) => void exchange(sandbox, incoming, outgoing));
  const actual = await listen(server, port);
  return { url: `http://127.0.0.1:${actual}`, port: actual, close: () => closeServer(server) };
}

/** Never rejects: an aborted request ends the exchange, and a bug of the sandbox becomes a 500. */
async function exchange(sandbox: Sandbox, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    const request = await readRequest(incoming);
    send(outgoing, respondToControl(sandbox, request) ?? sandbox.respond(request));
  } catch (error) {
    if (!(error instanceof Unreachable)) {
      send(outgoing, jsonResponse(500, { code: 500, message: `the sandbox failed: ${String(error)}` }));
    } else if (error.outage === 'down') {
      outgoing.destroy();
    }
  }
}

async function readRequest(incoming: IncomingMessage): Promise<SandboxRequest> {
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return {
    method: String(incoming.method),
    target: String(incoming.url),
    headers: Object.fromEntries(headers),
    body: await text(incoming),
  };
}

function send(outgoing: ServerResponse, answer: SandboxResponse): void {
  outgoing.writeHead(answer.status, answer.headers);
  outgoing.end(answer.body);
}

const addressSchema = v.object({ port: v.number() });

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(v.parse(addressSchema, server.address()).port));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

type Action = (sandbox: Sandbox, body: unknown) => SandboxResponse;

const ROUTES: Readonly<Record<string, Action>> = {
  'POST /sandbox/outage': setOutage,
  'GET /sandbox/deletions': ({ deletions }) => jsonResponse(200, deletions().map(withIsoTime)),
  'GET /sandbox/customers': ({ customers }) => jsonResponse(200, customers()),
  'POST /sandbox/customers': registerCustomer,
  // The platform's side: it takes every callback.
  'POST /sandbox/callbacks': () => jsonResponse(200, {}),
};

/**
 * Responds to the control routes, which are not part of Voucherify's API: they need no key, use no quota, are not logged
 * and work during an outage. Returns undefined if the target is not under `/sandbox`; 400 for an invalid body.
 */
function respondToControl(sandbox: Sandbox, request: SandboxRequest): SandboxResponse | undefined {
  if (!/^\/sandbox(?:$|[/?])/.test(request.target)) {
    return undefined;
  }
  if (isFromWebPage(request.headers)) return jsonResponse(403, { message: 'not for web pages' });
  const route = `${request.method} ${request.target}`;
  const action = Object.hasOwn(ROUTES, route) ? ROUTES[route] : undefined;
  return action === undefined
    ? jsonResponse(404, { message: 'no such route', routes: Object.keys(ROUTES) })
    : action(sandbox, jsonObjectOf(request.body));
}

/** A browser sends `Origin` with every change, and the name in the address bar as `Host`. No web page may drive the sandbox. */
function isFromWebPage({ origin, host = '' }: SandboxRequest['headers']): boolean {
  return origin !== undefined || !/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host);
}

const outageSchema = v.object({ mode: v.nullable(v.picklist(['error', 'down', 'hang', 'quota', 'key'])) });

function setOutage(sandbox: Sandbox, body: unknown): SandboxResponse {
  const wanted = v.safeParse(outageSchema, body);
  if (!wanted.success) {
    return jsonResponse(400, {
      message: 'the body must be {"mode": "error" | "down" | "hang" | "quota" | "key" | null}',
    });
  }
  sandbox.outage(wanted.output.mode ?? undefined);
  return jsonResponse(200, wanted.output);
}

const registerSchema = v.object({ project: v.exactOptional(v.string()), ...customerSchema.entries });

function registerCustomer(sandbox: Sandbox, body: unknown): SandboxResponse {
  const wanted = v.safeParse(registerSchema, body);
  if (!wanted.success) {
    return jsonResponse(400, {
      message: 'the body must be a customer object, with a "project" if it is not the first one',
    });
  }
  const { project = sandbox.projects()[0] ?? '', ...customer } = wanted.output;
  try {
    return jsonResponse(200, { id: sandbox.register(customer, project), project });
  } catch (error) {
    return jsonResponse(400, { message: String(error) });
  }
}

function withIsoTime<Entry extends { readonly at: number }>(entry: Entry): Omit<Entry, 'at'> & { readonly at: string } {
  return { ...entry, at: new Date(entry.at).toISOString() };
}
