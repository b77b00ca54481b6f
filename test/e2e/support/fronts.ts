import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createServer, type TLSSocket } from 'node:tls';
import { closed, listening } from './listen.ts';

/** A throwaway certificate for these names, which is its own authority. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
  readonly file: string;
}

/** The tool itself; another one may be named where it is not on the PATH. */
const openssl = process.env['OPENSSL'] ?? 'openssl';

/** Makes one with `openssl` in this folder. Throws with what it printed when it cannot. */
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

/** Something that listens on this machine for a name of the outside. */
export interface Front {
  readonly port: number;
  close(): Promise<void>;
}

/** TLS on the outside, and inside what listens on the other port: byte by byte, breaks included. */
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
    port: await listening(server),
    close: async () => {
      const done = new Promise<void>(resolve => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await done;
    },
  };
}

/** A callback as a platform got it. */
export interface ReceivedCallback {
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** The platform's side of callbacks: takes all of them and keeps them. */
export async function startPlatform({ key, cert }: Certificate): Promise<Front & { received: ReceivedCallback[] }> {
  const received: ReceivedCallback[] = [];
  const server = createHttpsServer({ key, cert }, async (request, response) => {
    const { url, headers } = request;
    received.push({ url: String(url), authorization: headers.authorization, body: JSON.parse(await text(request)) });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  return { port: await listening(server), received, close: () => closed(server) };
}
