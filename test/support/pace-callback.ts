import type { LookupAddress } from 'node:dns';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll } from 'vitest';
import type { OutboundCall } from '../../lambda/io/outbound.ts';
import type { Resolve } from '../../lambda/io/public-address.ts';
import { loopbackCertificate, loopbackName } from './erasing-certificate.ts';

const certificate = loopbackCertificate();
const before = getCACertificates('default');
beforeAll(() => setDefaultCACertificates([...before, certificate.cert]));
afterAll(() => setDefaultCACertificates(before));

const here: LookupAddress = { address: '127.0.0.1', family: 4 };
const resolvesTo =
  (...addresses: readonly LookupAddress[]): Resolve =>
  async () =>
    addresses;
const onlyHere = (address: string) => address === here.address;
const named = ({ port }: URL, path = '/') => new URL(`https://${loopbackName}:${port}${path}`);
const post = (url: URL, more: Partial<OutboundCall> = {}): OutboundCall => ({
  method: 'POST',
  url,
  headers: { Authorization: 'Bearer cb-token-1' },
  body: '{}',
  until: Date.now() + 5000,
  ...more,
});
const notConnected = { kind: 'no-answer', code: 'not-connected', effect: 'none' };
