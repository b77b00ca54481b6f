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
  /** Longest that one call may take in all, in milliseconds. */
  readonly callMs?: number;
  /** Told of every call that failed, and of the age of what was served instead. */
  readonly log?: (problem: AwsProblem) => void;
}

/**
 * Secrets from AWS Secrets Manager, cached for five to six minutes; `arns` maps design names to ARNs. Throttling,
 * time-outs, 5xx and network errors count as an outage; what Secrets Manager refuses, no longer knows or holds no text
 * for does not.
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
  if (SecretId === undefined) throw new NoText('SecretWithoutArn');
  const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }), callDeadline(callMs));
  if (SecretString === undefined || SecretString === '') throw new NoText('SecretWithoutText');
  return SecretString;
}

/** Never an outage; its name is all that is said of it. */
class NoText extends Error {
  constructor(name: string) {
    super();
    this.name = name;
  }
}

/** Names that the SDK itself takes for throttling, as far as Secrets Manager uses them. */
const throttled = ['ThrottlingException', 'ThrottledException', 'TooManyRequestsException', 'RequestLimitExceeded'];

/** Whoever answered with a 4xx said no; whoever did not answer, or with a 5xx, or asked to slow down, could not. */
function isOutage(thrown: unknown): boolean {
  if (thrown instanceof NoText) return false;
  if (!(thrown instanceof SecretsManagerServiceException)) return true;
  const status = Number(thrown.$metadata.httpStatusCode);
  return status >= 500 || status === 429 || throttled.includes(thrown.name);
}
