import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface ScriptedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object as JSON, text as it is. */
  readonly body?: unknown;
  /** Ends the connection instead of the body. */
  readonly cut?: boolean;
}

export interface ScriptedCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A server on loopback that answers as the script says; gives its origin, and closes when the test is over. */
export async function scripted(script: (call: ScriptedCall) => ScriptedAnswer): Promise<string> {
  const server = createServer((request, response) => void answer(script, request, response));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function answer(
  script: (call: ScriptedCall) => ScriptedAnswer,
  request: IncomingMessage,
  response: ServerResponse,
) {
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const call = { method: String(request.method), path: String(request.url), headers, body: await text(request) };
  const { status, headers: sent = {}, body = '', cut = false } = script(call);
  response.writeHead(status, { 'Content-Type': 'application/json', ...sent });
  const raw = typeof body === 'string' ? body : JSON.stringify(body);
  if (cut) response.write(raw, () => response.destroy());
  else response.end(raw);
}
