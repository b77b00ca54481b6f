import { RemovalPolicy, SecretValue } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { pepperName, platformSecretName, platformSecrets } from '../../lambda/domain/names.ts';
import { placeholder } from '../../lambda/io/secret-cache.ts';
import { openPlatforms } from '../../lambda/platforms/index.ts';
import type { Settings } from '../../lambda/settings.ts';
import { acknowledge } from './nag.ts';
import { deployedName, type Names, secretNames } from './names.ts';

/** By design name: the pepper, one a platform and one a project. */
export type Secrets = ReadonlyMap<string, Secret>;

/**
 * Creates the secrets. CloudFormation writes a secret's text only when the template's text changes, so the constants
 * below must stay as they are: another placeholder would overwrite what the operator filled in, and other rules for the
 * pepper would draw a new one, after which no receipt is found any more.
 */
export function secrets(scope: Construct, named: Names, settings: Settings): Secrets {
  const names = secretNames(settings);
  return new Map(names.map(name => [name, secret(scope, name, deployedName(name, named))]));
}

/** The webhook judges the callers, so of the platforms' secrets the sweep gets only those that its callbacks are proved with. */
export function readableBySweeper(secrets: Secrets, { platforms }: Settings): Secrets {
  const needed = [...openPlatforms(platforms)].flatMap(([name, { callbackOrigins, callbacksNeedSecret = false }]) =>
    callbackOrigins.length > 0 && callbacksNeedSecret ? [platformSecretName(name)] : [],
  );
  return new Map([...secrets].filter(([name]) => !name.startsWith(platformSecrets) || needed.includes(name)));
}

/** Deployed names of those that the operator fills in. */
export function secretsToFill(settings: Settings, named: Names): readonly string[] {
  return secretNames(settings)
    .filter(name => name !== pepperName)
    .map(name => deployedName(name, named));
}

function secret(scope: Construct, name: string, secretName: string): Secret {
  const created = new Secret(scope, `Secret-${name.slice('erasure/'.length)}`, {
    secretName,
    removalPolicy: RemovalPolicy.RETAIN,
    ...(name === pepperName ? drawn : { secretStringValue: SecretValue.unsafePlainText(placeholderFor(name)) }),
  });
  acknowledge(created, 'AwsSolutions-SMG4', name === pepperName ? pepperStays : rotatedByHand);
  return created;
}

/** Letters and digits only, so that nothing has to quote it: 64 of 62 kinds are 381 bits. */
const drawn = {
  description: 'Key of the HMACs in receipts. Never change it: no receipt would be found any more.',
  generateSecretString: { passwordLength: 64, excludePunctuation: true },
};

function placeholderFor(name: string): string {
  const ofVoucherify = { appId: placeholder, appToken: placeholder };
  return JSON.stringify(name.startsWith(platformSecrets) ? { current: placeholder } : ofVoucherify);
}

const pepperStays = 'The pepper is never rotated: every receipt is found by an HMAC made with it.';
const rotatedByHand =
  'Voucherify and the platforms make these keys and no API of theirs lets a rotation function replace one. The runbook ' +
  'rotates them by hand without a gap: a second key for Voucherify, current and previous for a platform.';
