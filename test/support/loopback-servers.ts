import { generateKeyPairSync, sign } from 'node:crypto';
import type { LookupAddress } from 'node:dns';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createSocketServer, type Socket, type Server as SocketServer } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import type { Resolve } from '../../lambda/io/public-address.ts';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** The name that the certificate is for, in addition to the address. */
export const loopbackName = 'loopback.example';

/** A fresh self-signed certificate for 127.0.0.1 (RFC 5280), so that no key lies in the project. */
export function loopbackCertificate(): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from('loopback')))));
  const validity = sequence(der(0x17, Buffer.from('000101000000Z')), der(0x17, Buffer.from('491231235959Z')));
  const isAuthority = sequence(oid('551d13'), octets(sequence(der(0x01, Buffer.from('ff', 'hex')))));
  const names = sequence(der(0x87, Buffer.from([127, 0, 0, 1])), der(0x82, Buffer.from(loopbackName)));
  const address = sequence(oid('551d11'), octets(names));
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(isAuthority, address)),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', signed, privateKey));
  const whole = sequence(signed, ecdsaWithSha256, signature).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${whole.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  };
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

function octets(part: Buffer): Buffer {
  return der(0x04, part);
}

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const long = Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  const length = body.length < 0x80 ? Buffer.from([body.length]) : long;
  return Buffer.concat([Buffer.from([tag]), length, body]);
}

/** The certificate of this machine under a name of its own. */
export const certificate = loopbackCertificate();

/** Trusts it as long as the tests of this file run. */
export function trustCertificate(): void {
  const before = getCACertificates('default');
  beforeAll(() => setDefaultCACertificates([...before, certificate.cert]));
  afterAll(() => setDefaultCACertificates(before));
}

export const here: LookupAddress = { address: '127.0.0.1', family: 4 };

export function onlyHere(address: string): boolean {
  return address === here.address;
}

/** A resolver that gives these addresses for every name. */
export function resolvesTo(...addresses: readonly LookupAddress[]): Resolve {
  return async () => addresses;
}

/** The same server under its name. */
export function named({ port }: URL, path = '/'): URL {
  return new URL(`https://${loopbackName}:${port}${path}`);
}

export function post(url: URL, more: Partial<HttpCall> = {}): HttpCall {
  const headers = { Authorization: 'Bearer cb-token-1' };
  return { method: 'POST', url, headers, body: '{}', until: Date.now() + 60_000, ...more };
}

export const notConnected = { kind: 'no-response', code: 'not-connected', mayHaveExecuted: false };

export interface Listening {
  readonly url: URL;
  /** Stops listening and breaks every connection. */
  close(): Promise<void>;
}

/** An idle connection stays open on a slow machine too; milliseconds. */
const patient = { keepAliveTimeout: 60_000 };

const open = new Set<Listening>();

/** Closes all that a test opened. */
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

export interface FreezingServer extends Listening {
  /**
   * From now on, resets each connection that exists now when a request arrives on it, as a NAT gateway does that has
   * forgotten it.
   */
  readonly freeze: () => void;
}

/** Answers the first `count` requests only together, so that each needs a connection of its own, and later ones at once. */
export async function serveUntilFrozen(count: number, certificate?: Certificate): Promise<FreezingServer> {
  const waiting: (() => void)[] = [];
  const seen = new Set<Socket>();
  let forgotten = new Set<Socket>();
  const server = await serve(({ socket }, response) => {
    seen.add(socket);
    if (forgotten.has(socket)) certificate === undefined ? socket.resetAndDestroy() : socket.destroy();
    else if (waiting.push(() => response.end('{}')) === count) for (const answer of waiting) answer();
    else if (waiting.length > count) response.end('{}');
  }, certificate);
  return { ...server, freeze: () => (forgotten = new Set(seen)) };
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
