import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { operatorAnswer } from './operator.ts';
import { jsonAnswer, type SandboxAnswer, type SandboxRequest } from './responses.ts';
import { type Sandbox, Unreachable } from './sandbox.ts';

/** A sandbox that listens. */
export interface SandboxServer {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Stops listening and breaks every connection; the sandbox itself stays open. */
  close(): Promise<void>;
}

/**
 * Serves the sandbox over HTTP on 127.0.0.1, with the operator's routes under `/sandbox`; port 0 takes a free one.
 * @throws (rejects with) the error of node:net when it cannot listen, for instance `EADDRINUSE`.
 */
export async function serveSandbox(sandbox: Sandbox, port: number): Promise<SandboxServer> {
  const server = createServer((incoming, outgoing) => void exchange(sandbox, incoming, outgoing));
  const actual = await listening(server, port);
  return { url: `http://127.0.0.1:${actual}`, port: actual, close: () => closed(server) };
}

/** Never rejects: a caller who hangs up ends the exchange, and a fault of the sandbox's own is a 500 that says so. */
async function exchange(sandbox: Sandbox, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  try {
    const request = await requestOf(incoming);
    send(outgoing, operatorAnswer(sandbox, request) ?? sandbox.respond(request));
  } catch (error) {
    if (!(error instanceof Unreachable)) {
      send(outgoing, jsonAnswer(500, { code: 500, message: `the sandbox failed: ${String(error)}` }));
    } else if (error.outage === 'down') {
      outgoing.destroy();
    }
  }
}

async function requestOf(incoming: IncomingMessage): Promise<SandboxRequest> {
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  return {
    method: String(incoming.method),
    target: String(incoming.url),
    headers: Object.fromEntries(headers),
    body: await text(incoming),
  };
}

function send(outgoing: ServerResponse, answer: SandboxAnswer): void {
  outgoing.writeHead(answer.status, answer.headers);
  outgoing.end(answer.body);
}

const addressSchema = v.object({ port: v.number() });

function listening(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(v.parse(addressSchema, server.address()).port));
  });
}

function closed(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
