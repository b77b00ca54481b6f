import { RemovalPolicy, SecretValue } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { eventSecrets, pepperName, platformSecretName, platformSecrets } from '../../lambda/domain/names.ts';
import { placeholder } from '../../lambda/io/secret-cache.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import type { Platform } from '../../lambda/platforms/platform.ts';
import type { Settings } from '../../lambda/settings.ts';
import { acknowledge } from './nag.ts';
import { deployedName, type Names, secretNames } from './names.ts';

/** By logical name: the pepper, one per platform and one per project. */
export type Secrets = ReadonlyMap<string, Secret>;

/**
 * Creates the secrets. CloudFormation writes a secret's value only if its template text changes, so the constants below
 * must not change: a new placeholder would overwrite the operator's values, and new generation rules would replace the
 * pepper, after which no receipt could be found.
 */
export function createSecrets(scope: Construct, named: Names, settings: Settings): Secrets {
  const names = secretNames(settings);
  return new Map(names.map(name => [name, createSecret(scope, name, deployedName(name, named))]));
}

/** Returns the secrets of the webhook: all except those of events and of platforms that never call. */
export function readableByWebhook(secrets: Secrets, { platforms }: Settings): Secrets {
  return withPlatforms(secrets, platforms, ({ isPullOnly }) => isPullOnly !== true);
}

/** Returns the secrets of the function that receives events: no key of Voucherify and no secret of a platform. */
export function readableByEvents(secrets: Secrets): Secrets {
  return new Map([...secrets].filter(([name]) => name === pepperName || name.startsWith(eventSecrets)));
}

/**
 * Returns the secrets of the sweep. Only the webhook authenticates callers, so the sweep gets a platform's secret only if
 * its callbacks or pulls are authenticated with it.
 */
export function readableBySweeper(secrets: Secrets, { platforms }: Settings): Secrets {
  const isNeeded = ({ callbackOrigins, sweepNeedsSecret }: Platform) =>
    callbackOrigins.length > 0 && sweepNeedsSecret === true;
  return withPlatforms(secrets, platforms, isNeeded);
}

/** Returns the secrets without those of events and of platforms that are not needed. */
function withPlatforms(
  secrets: Secrets,
  platforms: Settings['platforms'],
  isNeeded: (platform: Platform) => boolean,
): Secrets {
  const needed = [...openPlatforms(platforms)].flatMap(([name, platform]) =>
    isNeeded(platform) ? [platformSecretName(name)] : [],
  );
  const own = [...secrets].filter(([name]) => !name.startsWith(eventSecrets));
  return new Map(own.filter(([name]) => !name.startsWith(platformSecrets) || needed.includes(name)));
}

/** Returns the physical names of the secrets whose values the operator sets. */
export function secretsToFill(settings: Settings, named: Names): readonly string[] {
  return secretNames(settings)
    .filter(name => name !== pepperName)
    .map(name => deployedName(name, named));
}

function createSecret(scope: Construct, name: string, secretName: string): Secret {
  const created = new Secret(scope, `Secret-${name.slice('erasure/'.length)}`, {
    secretName,
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ...(name === pepperName
      ? generatedPepper
      : { secretStringValue: SecretValue.unsafePlainText(placeholderFor(name)) }),
  });
  acknowledge(created, 'AwsSolutions-SMG4', name === pepperName ? pepperNotRotated : rotatedByHand);
  return created;
}

/** Letters and digits only, so that it needs no quoting: 64 characters out of 62 are 381 bits. */
const generatedPepper = {
  description: 'HMAC key of the receipts. Never change it: no receipt could be found afterwards.',
  generateSecretString: { passwordLength: 64, excludePunctuation: true },
};

function placeholderFor(name: string): string {
  const voucherifyKey = { appId: placeholder, appToken: placeholder };
  const isInbound = name.startsWith(platformSecrets) || name.startsWith(eventSecrets);
  return JSON.stringify(isInbound ? { current: placeholder } : voucherifyKey);
}

const pepperNotRotated = 'The pepper is never rotated: receipts are looked up by HMACs that use it as the key.';
const rotatedByHand =
  'Voucherify and the platforms issue these keys and have no API with which a rotation function could replace one. The ' +
  'runbook rotates them by hand without downtime: a second key for Voucherify, current and previous for a platform.';
