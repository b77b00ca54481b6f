import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

/** How many subscriptions of the alarm topic deliver messages, and how many wait for their confirmation. */
export interface AlarmSubscribers {
  readonly confirmed: number;
  readonly pending: number;
}

type Credentials = ConstructorParameters<typeof SignatureV4>[0]['credentials'];

interface TopicLocation {
  readonly account: string;
  readonly region: string;
  /** Such as `aws` or `aws-cn`. */
  readonly partition: string;
  readonly topic: string;
  readonly credentials: Credentials;
  /** Time limit, in milliseconds. */
  readonly callMs: number;
}

/**
 * Counts the subscriptions of a topic; at most the first 100 (SNS API Reference, ListSubscriptionsByTopic). One signed call
 * instead of the SDK's client for SNS, which the tool would need for nothing else. Throws an `Error` named like the
 * problem.
 */
export async function readAlarmSubscribers(location: TopicLocation): Promise<AlarmSubscribers> {
  const { account, region, partition, topic, credentials, callMs } = location;
  const TopicArn = `arn:${partition}:sns:${region}:${account}:${topic}`;
  const body = new URLSearchParams({ Action: 'ListSubscriptionsByTopic', Version: '2010-03-31', TopicArn }).toString();
  const url = new URL(
    process.env['AWS_ENDPOINT_URL'] ?? `https://sns.${region}.${domains[partition] ?? domains['aws']}`,
  );
  const signer = new SignatureV4({ service: 'sns', region, credentials, sha256: NodeSha256 });
  const { headers } = await signer.sign({
    ...{ method: 'POST', protocol: url.protocol, hostname: url.hostname, path: '/', body },
    headers: { host: url.host, 'content-type': 'application/x-www-form-urlencoded' },
  });
  const { host: _, ...sent } = headers;
  const response = await fetch(url, { method: 'POST', headers: sent, body, signal: AbortSignal.timeout(callMs) });
  const text = await response.text();
  if (!response.ok) throw namedError(/<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? `Http${response.status}`);
  const arns = [...text.matchAll(/<SubscriptionArn>([^<]*)<\/SubscriptionArn>/g)].map(([, arn = '']) => arn);
  return {
    confirmed: arns.filter(arn => arn.startsWith('arn:')).length,
    pending: arns.filter(arn => arn === 'PendingConfirmation').length,
  };
}

const domains: Readonly<Record<string, string>> = { aws: 'amazonaws.com', 'aws-cn': 'amazonaws.com.cn' };

function namedError(name: string): Error {
  const error = new Error();
  error.name = name;
  return error;
}

/** SHA-256, with a key HMAC-SHA-256, as the signer expects it. */
class NodeSha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

function bytesOf(secret: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof secret === 'string') return secret;
  return secret instanceof ArrayBuffer
    ? new Uint8Array(secret)
    : new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength);
}
