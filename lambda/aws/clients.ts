import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { keepAliveAgents } from '../io/http-client.ts';
import type { Variables } from './environment.ts';

/** Milliseconds. */
export interface Timeouts {
  /** Until the TCP connection is established. */
  readonly connectMs: number;
  /** Until the headers of one response arrive, including the connection. */
  readonly responseMs: number;
  /** One call in total: both attempts, the delay between them, and the response bodies. */
  readonly callMs: number;
}

/** Reading a secret and then storing a request, both at their slowest, fit into the 5 s that some platforms wait. */
export const awsTimeouts: Timeouts = { connectMs: 500, responseMs: 1000, callMs: 2000 };

/** For an operator at a terminal and for emulators: no platform is waiting, so a slow response is acceptable. */
export const patientTimeouts: Timeouts = { connectMs: 10_000, responseMs: 30_000, callMs: 60_000 };

/** Sockets per host: more than the parallel calls of a sweep. */
const maxSockets = 50;

/**
 * Returns options for every AWS client. Without them the SDK waits indefinitely for an endpoint that does not respond, and
 * without `throwOnRequestTimeout` it only logs a request timeout. Region, credentials and endpoint are the SDK's defaults
 * (`AWS_ENDPOINT_URL` for local runs). The SDK's own second attempt uses a fresh connection if the first was reset.
 */
export function awsClientOptions({ connectMs, responseMs }: Timeouts = awsTimeouts) {
  return {
    maxAttempts: 2,
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: responseMs,
      throwOnRequestTimeout: true,
      ...keepAliveAgents({ maxSockets }),
    },
    streamCollector: collectBytes,
  };
}

/** Does what the SDK's own collector does for Node's streams, without loading those of browsers. */
function collectBytes(stream: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', reject);
    stream.on('close', () => reject(new Error('the response ended too early')));
  });
}

/** Without `info` and `error`, the SDK does not copy every request and response for a log that is not kept. */
const silent = { warn: () => undefined } as unknown as Logger;

type Logger = NonNullable<DynamoDBClientConfig['logger']>;

/**
 * Returns the options of every AWS client in a deployed function. Lambda sets region and credentials as variables and keeps
 * them for the life of an instance (Lambda Developer Guide, "Defined runtime environment variables"). Naming them and the
 * other options here makes the SDK look for no further sources: credentials, which the bundle does not contain, and
 * configuration files, which Lambda does not have. An `AWS_ENDPOINT_URL` is used if there is one.
 */
export function lambdaClientOptions(variables: Variables, timeouts: Timeouts = awsTimeouts) {
  const { AWS_REGION: region, AWS_SESSION_TOKEN: sessionToken } = variables;
  return {
    ...awsClientOptions(timeouts),
    ...(region === undefined ? {} : { region }),
    credentials: {
      accessKeyId: variables['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: variables['AWS_SECRET_ACCESS_KEY'] ?? '',
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
    accountIdEndpointMode: 'disabled',
    authSchemePreference: async () => [],
    defaultsMode: 'legacy',
    disableClockSkewCorrection: false,
    endpointDiscoveryEnabled: false,
    endpointDiscoveryEnabledProvider: async () => false,
    ignoreConfiguredEndpointUrls: !Object.keys(variables).some(name => name.startsWith('AWS_ENDPOINT_URL')),
    logger: silent,
    sha256: Sha256,
    userAgentAppId: '',
    retryMode: 'standard',
    useDualstackEndpoint: variables['AWS_USE_DUALSTACK_ENDPOINT'] === 'true',
    useFipsEndpoint: variables['AWS_USE_FIPS_ENDPOINT'] === 'true',
  } as const;
}

/**
 * Returns the second argument of `client.send`. The client's own timeouts do not limit retries or a slow body. It does what
 * `AbortSignal.timeout` does for less CPU time: that one makes an error for each call, also for those that have ended.
 */
export function callDeadline(callMs: number): { readonly abortSignal: AbortSignal } {
  const controller = new AbortController();
  setTimeout(() => controller.abort('the time of the call is over'), callMs).unref();
  return { abortSignal: controller.signal };
}

/** What may be logged about a failed AWS call. Never the error's message, which can contain what was sent. */
export interface AwsProblem {
  readonly call: string;
  readonly error: string;
  readonly secret?: string;
  /** Age of the cached secret that was used instead. */
  readonly staleMs?: number;
}

const plainName = /^[\w.-]{1,64}$/u;

/** Returns the error's name (`AccessDeniedException`, `TimeoutError` …), or `unknown` if it is not a plain name. */
export function errorNameOf(thrown: unknown): string {
  return thrown instanceof Error && plainName.test(thrown.name) ? thrown.name : 'unknown';
}

type Data = string | ArrayBuffer | ArrayBufferView;

/** The signing key is the same array for every request of a day. Node needs a long time to convert an array for an HMAC. */
const keys = new WeakMap<object, KeyObject>();

/**
 * SHA-256 or, with a secret, HMAC-SHA-256, for the signatures of the SDK (Smithy's `Checksum`). It does what the SDK's own
 * class does with fewer and faster calls of Node.
 */
export class Sha256 {
  private data: Uint8Array[] = [];
  private readonly secret: Data | undefined;

  constructor(secret?: Data) {
    this.secret = secret;
  }

  update(data: Data): void {
    this.data.push(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    const [first, ...others] = this.data;
    const all = first === undefined || others.length > 0 ? Buffer.concat(this.data) : first;
    if (this.secret === undefined) return hash('sha256', all, 'buffer');
    return createHmac('sha256', keyOf(this.secret)).update(all).digest();
  }

  reset(): void {
    this.data = [];
  }
}

function keyOf(secret: Data): string | KeyObject {
  if (typeof secret === 'string') return secret;
  const key = keys.get(secret) ?? createSecretKey(bytesOf(secret));
  keys.set(secret, key);
  return key;
}

function bytesOf(data: Data): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
