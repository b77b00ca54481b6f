import {
  GetSecretValueCommand,
  type SecretsManagerClient,
  SecretsManagerServiceException,
} from '@aws-sdk/client-secrets-manager';
import { Failure } from '../domain/failure.ts';
import type { ReadSecret } from '../io/secret-cache.ts';
import { cachedSecrets } from '../io/secret-cache.ts';
import { type AwsProblem, awsTimeouts, callDeadline, errorNameOf } from './clients.ts';

export interface SecretsManagerOptions {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** From 0 up to, but not including, 1. */
  readonly random: () => number;
  /** Time limit of one call, in milliseconds. */
  readonly callMs?: number;
  /** Logs every failed call, and the age of the cached secret that was used instead. */
  readonly log?: (problem: AwsProblem) => void;
}

/**
 * Returns a reader of secrets in AWS Secrets Manager, cached for five to six minutes; `arns` maps secret names to ARNs.
 * Throttling, timeouts, 5xx and network errors count as an outage. A denied, deleted or empty secret does not.
 */
export function secretsManager(
  client: SecretsManagerClient,
  arns: Readonly<Record<string, string>>,
  { now, random, callMs = awsTimeouts.callMs, log }: SecretsManagerOptions,
): ReadSecret {
  const read = cachedSecrets(name => fetchSecret(client, arns, name, callMs), {
    now,
    random,
    isOutage,
    failed: (secret, thrown, staleMs) => {
      const problem = { call: 'GetSecretValue', secret, error: errorNameOf(thrown) };
      log?.(staleMs === undefined ? problem : { ...problem, staleMs });
    },
  });
  return async (name, options) => {
    try {
      return await read(name, options);
    } catch {
      throw new Failure('unavailable', `the secret ${name} is not usable`, { alarm: 'secret-unusable' });
    }
  };
}

async function fetchSecret(
  client: SecretsManagerClient,
  arns: Readonly<Record<string, string>>,
  name: string,
  callMs: number,
): Promise<string> {
  const SecretId = Object.hasOwn(arns, name) ? arns[name] : undefined;
  if (SecretId === undefined) throw new UnusableSecret('SecretWithoutArn');
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }), callDeadline(callMs));
  // The SDK does not check the type of what it parses.
  if (typeof SecretString !== 'string' || SecretString === '') throw new UnusableSecret('SecretWithoutText');
  return SecretString;
}

/** Never counts as an outage. Only its name is logged. */
class UnusableSecret extends Error {
  constructor(name: string) {
    super();
    this.name = name;
  }
}

/** Error names that the SDK treats as throttling and that Secrets Manager uses. */
const throttlingErrors = [
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
];

/** A 4xx is a refusal. No response, a 5xx and throttling are an outage. */
function isOutage(thrown: unknown): boolean {
  if (thrown instanceof UnusableSecret) return false;
  if (!(thrown instanceof SecretsManagerServiceException)) return true;
  const status = Number(thrown.$metadata.httpStatusCode);
  return status >= 500 || status === 429 || throttlingErrors.includes(thrown.name);
}

/**
 * How long the init phase waits for the reads, in milliseconds: half of the time that Lambda allows
 * (Lambda Developer Guide, "Lambda execution environment lifecycle", Init phase).
 */
const maxWaitMs = 5000;
/** A timer runs on while the instance is frozen. The wait consists of short timers, so a freeze ends only one of them. */
const stepMs = 100;

/**
 * Starts reads during the init phase and waits for at most five seconds of running time. Lambda may freeze an
 * instance between init and its first event, and a pending read then times out. Never throws: the first event reads again
 * what failed here. `wait` resolves after that many milliseconds.
 */
export async function readAhead(
  reads: readonly (() => Promise<unknown>)[],
  wait: (ms: number) => Promise<unknown>,
): Promise<void> {
  let isOver = reads.length === 0;
  const all = Promise.allSettled(reads.map(read => read())).then(() => {
    isOver = true;
  });
  for (let leftMs = maxWaitMs; leftMs > 0 && !isOver; leftMs -= stepMs) await Promise.race([all, wait(stepMs)]);
}
