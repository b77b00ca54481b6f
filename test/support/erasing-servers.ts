import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createSocketServer, type Socket, type Server as SocketServer } from 'node:net';
import { afterEach } from 'vitest';
import type { Certificate } from './erasing-certificate.ts';

export interface Listening {
  readonly url: URL;
  /** Stops listening and breaks every connection. */
  close(): Promise<void>;
}

/** An idle connection stays open on a slow machine too; milliseconds. */
const patient = { keepAliveTimeout: 60_000 };

const open = new Set<Listening>();

/** Closes whatever a test opened. */
export function closeServersAfterEach(): void {
  afterEach(async () => {
    await Promise.all([...open].map(server => server.close()));
  });
}

/** A web server on a free loopback port; with a certificate it speaks TLS. */
export function serve(listener: RequestListener, certificate?: Certificate): Promise<Listening> {
  const server =
    certificate === undefined
      ? createServer(patient, listener)
      : createTlsServer({ ...certificate, ...patient }, listener);
  return listening(server, certificate === undefined ? 'http' : 'https', () => server.closeAllConnections());
}

/** A server that speaks no HTTP by itself. */
export function serveSockets(connected: (socket: Socket) => void, protocol = 'http'): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createSocketServer(socket => {
    sockets.add(socket.on('error', () => {}));
    connected(socket);
  });
  return listening(server, protocol, () => {
    for (const socket of sockets) socket.destroy();
  });
}

function listening(server: Server | SocketServer, protocol: string, breakAll: () => void): Promise<Listening> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      const one = { url: new URL(`${protocol}://127.0.0.1:${port}/`), close: () => closed(server, breakAll, one) };
      open.add(one);
      resolve(one);
    });
  });
}

function closed(server: Server | SocketServer, breakAll: () => void, one: Listening): Promise<void> {
  open.delete(one);
  return new Promise(resolve => {
    server.close(() => resolve());
    breakAll();
  });
}
