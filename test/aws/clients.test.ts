import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { awsClientOptions, lambdaClientOptions, patientTimeouts, Sha256 } from '../../lambda/aws/clients.ts';
import { certificate, closeServersAfterEach, serveUntilFrozen, trustCertificate } from '../support/loopback-servers.ts';
import { emulated } from '../support/moto.ts';

closeServersAfterEach();
trustCertificate();

test.each([
  ['https', certificate],
  ['http', undefined],
])('20 dead idle connections to AWS over %s after a freeze: every call succeeds', async (_, tls) => {
  const { url, freeze } = await serveUntilFrozen(20, tls);
  const client = new DynamoDBClient({ ...awsClientOptions(patientTimeouts), ...emulated(url.href) });
  onTestFinished(() => client.destroy());
  const read = () => client.send(new GetItemCommand({ TableName: 'receipts', Key: { pk: { S: 'receipt-1' } } }));
  await Promise.all(Array.from({ length: 20 }, read));
  freeze();
  const thawed = await Promise.allSettled(Array.from({ length: 5 }, read));
  expect(thawed.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'fulfilled'));
});

describe('clients of a deployed function', () => {
  const variables = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };

  const inParts = (...parts: readonly string[]) => Readable.from(parts.map(part => Buffer.from(part)));

  /** Returns the request of one call, and what the client made of the response. */
  async function sentWith(body: Readable) {
    let sent: { readonly hostname: string; readonly headers: Readonly<Record<string, string>> } | undefined;
    const handle = async (request: typeof sent) => {
      sent = request;
      const headers = { 'content-type': 'application/x-amz-json-1.0' };
      return { response: { statusCode: 200, headers, body } };
    };
    const requestHandler = { handle, updateHttpClientConfig: () => undefined, httpHandlerConfigs: () => ({}) };
    const client = new DynamoDBClient({ ...lambdaClientOptions(variables), requestHandler, maxAttempts: 1 });
    const { Item } = await client.send(new GetItemCommand({ TableName: 'receipts', Key: { pk: { S: 'receipt-1' } } }));
    return { ...sent, Item, logger: client.config.logger };
  }

  test('configuration file: is not read, and the endpoint is the one of the region', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'erasure-clients-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    onTestFinished(() => void vi.unstubAllEnvs());
    const file = join(folder, 'config');
    writeFileSync(file, '[default]\nsdk_ua_app_id = app-of-the-file\nendpoint_url = https://endpoint.of.the.file\n');
    vi.stubEnv('AWS_CONFIG_FILE', file);
    const { hostname, headers } = await sentWith(inParts('{}'));
    expect(hostname).toBe('dynamodb.eu-west-1.amazonaws.com');
    expect(headers?.['user-agent']).toMatch(/^aws-sdk-js\//);
    expect(headers?.['user-agent']).not.toContain('app-of-the-file');
  });

  test('response in parts: is read as a whole', async () => {
    const { Item } = await sentWith(inParts('{"Item":{"pk":{"S":"rec', 'eipt-1"', '}}}'));
    expect(Item).toEqual({ pk: { S: 'receipt-1' } });
  });

  test('response that ends too early: is no response', async () => {
    const body = new Readable({ read: () => undefined });
    body.push('{"Item":{"pk":{"S":"rec');
    const answer = expect(sentWith(body)).rejects.toThrow('the response ended too early');
    setImmediate(() => body.destroy());
    await answer;
  });

  test('signature: names the credentials, the region and the service of the call', async () => {
    const { headers } = await sentWith(inParts('{}'));
    expect(headers?.['authorization']).toMatch(
      /^AWS4-HMAC-SHA256 Credential=key\/\d{8}\/eu-west-1\/dynamodb\/aws4_request, .*Signature=[\da-f]{64}$/,
    );
  });

  test('requests and responses: are not copied for a log', async () => {
    expect(Object.keys((await sentWith(inParts('{}'))).logger)).toEqual(['warn']);
  });
});

describe('SHA-256 of the signatures', () => {
  const bytes = new TextEncoder().encode('what is signed, and more');
  const key = new Uint8Array(32).fill(7);

  test.each([
    ['a text', 'what is signed, and more'],
    ['bytes', bytes],
    ['a buffer', bytes.slice().buffer],
    ['a part of a buffer', bytes.subarray(5, 12)],
  ])('%s: has the digest that Node computes', async (_, part) => {
    const expected = Buffer.from(typeof part === 'string' ? part : new Uint8Array(part));
    for (const secret of [undefined, 'secret', key, key.buffer]) {
      const made = new Sha256(secret);
      made.update(part);
      made.update(part);
      const node =
        secret === undefined
          ? createHash('sha256')
          : createHmac('sha256', secret instanceof ArrayBuffer ? Buffer.from(secret) : secret);
      const digest = node.update(expected).update(expected).digest('hex');
      expect(Buffer.from(await made.digest()).toString('hex')).toBe(digest);
      // Again: the key of an array is remembered.
      const again = new Sha256(secret);
      again.update(part);
      again.reset();
      again.update(part);
      again.update(part);
      expect(Buffer.from(await again.digest()).toString('hex')).toBe(digest);
    }
  });

  test('nothing: has the digest of no bytes', async () => {
    const digest = createHash('sha256').digest('hex');
    expect(Buffer.from(await new Sha256().digest()).toString('hex')).toBe(digest);
  });
});
