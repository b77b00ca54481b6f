import type { LookupAddress } from 'node:dns';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll } from 'vitest';
import type { HttpCall } from '../../lambda/io/http-client.ts';
import type { Resolve } from '../../lambda/io/public-address.ts';
import { loopbackCertificate, loopbackName } from './erasing-certificate.ts';

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

export const notConnected = { kind: 'no-answer', code: 'not-connected', mayHaveExecuted: false };
