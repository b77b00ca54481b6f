import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Wire } from '../support/event.ts';
import { createHarness, type Harness, type HarnessOptions } from '../support/harness.ts';

export const headerSecret = 'transcend-header-of-the-tests-1';
export const apiKey = 'transcend-api-key-of-the-tests';
export const nonce = 'nonce-of-the-tests.opaque';
export const sombraKeys = generateKeyPairSync('ec', { namedCurve: 'P-384' });
export const issuedAt = Date.parse('2026-01-15T11:59:40Z') / 1000;

/** A Sombra on loopback: what it answers to a `GET`, and what it was asked and told. */
export interface Sombra {
  readonly url: string;
  readonly calls: { method: string; path: string; headers: Record<string, unknown>; body: string }[];
  answer: { status: number; body: string };
}

export async function sombraFor(): Promise<Sombra> {
  const sombra: Sombra = { url: '', calls: [], answer: { status: 200, body: pemOf(sombraKeys.publicKey) } };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = '', url: path = '', headers } = request;
    sombra.calls.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
    const { status, body } = method === 'GET' ? sombra.answer : { status: 200, body: '' };
    response.writeHead(status, { 'Content-Type': 'text/plain' }).end(body);
  });
  await new Promise<void>(listening => void server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  return Object.assign(sombra, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

type Options = Partial<Omit<HarnessOptions, 'platforms' | 'secrets'>> & {
  sombra?: Sombra;
  section?: object;
  secret?: object;
};

/** A harness that serves Transcend, with the key pinned unless there is a Sombra to fetch it from. */
export function transcendHarness({ sombra, section = {}, secret = {}, ...rest }: Options = {}): Harness {
  const key = sombra === undefined ? { publicKey: pemOf(sombraKeys.publicKey) } : {};
  const sombraUrl = sombra?.url ?? 'https://multi-tenant.sombra.transcend.io';
  const identities = { coreIdentifier: 'source_id', email: 'email', phone: 'phone', customer: 'customer_id' };
  return createHarness({
    platforms: { transcend: { audience: 'acme', sombraUrl, identities, ...key, ...section } },
    secrets: { 'erasure/platform/transcend': JSON.stringify({ current: headerSecret, apiKey, ...secret }) },
    ...rest,
  });
}

export const claims = { value: 'crm-10042', scope: 'coreIdentifier', iat: issuedAt, aud: 'acme' };

export function tokenOf(payload: object = claims, key: KeyObject = sombraKeys.privateKey): string {
  const text = `${encoded({ alg: 'ES384', typ: 'JWT' })}.${encoded(payload)}`;
  const signature = sign('sha384', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

/** The job for one identifier; `change` replaces fields of it. */
export function job(profile: object = { identifier: 'ada@example.com', type: 'email' }, change: object = {}) {
  return {
    type: 'ERASURE',
    requestIdentifier: { value: 'crm-10042' },
    coreIdentifier: { value: 'crm-10042' },
    dataSubject: { type: 'customer' },
    isTest: false,
    extras: {
      profile,
      request: { id: 'c3ae78c9-2768-4666-991a-d2f729503337', createdAt: '2026-01-15T11:30:00.000Z' },
    },
    ...change,
  };
}

export function transcendWire(body: unknown = job(), headers: Wire['headers'] = {}): Wire {
  return {
    path: '/webhooks/transcend',
    headers: {
      'Content-Type': 'application/json',
      'x-sombra-token': tokenOf(),
      'x-transcend-nonce': nonce,
      'x-webhook-secret': headerSecret,
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

export function pemOf(key: KeyObject): string {
  return String(key.export({ type: 'spki', format: 'pem' }));
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
