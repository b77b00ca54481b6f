import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createServer, type TLSSocket } from 'node:tls';
import { openSandbox, type Sandbox } from '../../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../../infra/local/sandbox/server.ts';
import { closeServer, listenOnLoopback } from './listen.ts';
import type { Timeline } from './recorder.ts';

/** A temporary self-signed certificate for these names. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  readonly file: string;
}

/** The `openssl` command; the variable selects another one. */
const openssl = process.env['OPENSSL'] ?? 'openssl';

/** Creates a certificate with `openssl` in this folder. Throws an error with its output if it fails. */
export function throwawayCertificate(folder: string, names: readonly string[]): Certificate {
  const key = join(folder, 'key.pem');
  const file = join(folder, 'cert.pem');
  const subject = ['-subj', '/CN=erasure e2e', '-addext', `subjectAltName=${names.map(name => `DNS:${name}`)}`];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const { status, error, stderr } = spawnSync(openssl, ['req', ...kind, '-keyout', key, '-out', file, ...subject], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`openssl could not make a certificate: ${error?.message ?? stderr}`);
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(file, 'utf8'), file };
}

/** A local server that receives the calls for an external host name. */
export interface Front {
  readonly port: number;
  close(): Promise<void>;
}

/** Starts a TLS server that forwards every byte, and every closed connection, to another port. */
export async function startTlsFront({ key, cert }: Certificate, port: number): Promise<Front> {
  const open = new Set<TLSSocket>();
  const server = createServer({ key, cert }, outside => {
    const inside = connect(port, '127.0.0.1');
    open.add(outside);
    outside.once('close', () => open.delete(outside));
    outside.pipe(inside).pipe(outside);
    for (const [one, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      one.once('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  });
  return {
    port: await listenOnLoopback(server),
    close: async () => {
      const done = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await done;
    },
  };
}

/** A callback that a platform received. */
export interface ReceivedCallback {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** Starts a callback server that accepts and stores all callbacks. */
export async function startPlatform({ key, cert }: Certificate): Promise<Front & { received: ReceivedCallback[] }> {
  const received: ReceivedCallback[] = [];
  const server = createHttpsServer({ key, cert }, async (request, response) => {
    const { url, headers } = request;
    received.push({ url: String(url), authorization: headers.authorization, body: JSON.parse(await text(request)) });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  return { port: await listenOnLoopback(server), received, close: () => closeServer(server) };
}

/** The key that the sandbox accepts from the start. */
export const firstKey = { appId: 'app-of-the-e2e-run', appToken: 'token-of-the-e2e-run', project: 'main' };

/** High enough that no request waits for the rate limit, which has its own tests. */
const limit = { calls: 60_000, periodSeconds: 60 };

/** Starts the sandbox Voucherify behind TLS, and records its calls on the timeline. */
export async function startVoucherify(
  certificate: Certificate,
  events: Timeline,
): Promise<Front & { sandbox: Sandbox }> {
  const sandbox = openSandbox({ now: Date.now, keys: [firstKey], limit });
  const server = await serveSandbox(recorded(sandbox, events), 0);
  const front = await startTlsFront(certificate, server.port);
  const close = async () => {
    await front.close();
    await server.close();
    sandbox.close();
  };
  return { sandbox, port: front.port, close };
}

function recorded(sandbox: Sandbox, events: Timeline): Sandbox {
  return {
    ...sandbox,
    respond: request => {
      const ended = events.begin('voucherify', `${request.method} ${pathOf(request.target)}`);
      try {
        return sandbox.respond(request);
      } finally {
        ended();
      }
    },
  };
}

/** Returns the path without the customer's id. */
function pathOf(target: string): string {
  return target.replace(/(\/v1\/customers\/)[^/?]+/, '$1{id}').replace(/\?.*/, '');
}
