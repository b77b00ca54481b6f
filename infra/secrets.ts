import { RemovalPolicy, SecretValue } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { placeholder } from '../lambda/io/secret.ts';
import type { Settings } from '../lambda/io/settings.ts';
import { openPlatforms } from '../lambda/platforms/index.ts';
import { acknowledge } from './nag.ts';

/** By design name: the pepper, one a platform and one a project. */
export type Secrets = ReadonlyMap<string, Secret>;

/**
 * Creates the secrets. CloudFormation writes a secret's text only when the template's text changes, so the constants
 * below must stay as they are: another placeholder would overwrite what the operator filled in, and other rules for the
 * pepper would draw a new one, after which no receipt is found any more.
 */
export function secrets(scope: Construct, prefix: string, settings: Settings): Secrets {
  const names = secretNames(settings);
  return new Map(names.map(name => [name, secret(scope, name, deployedName(name, prefix))]));
}

function secretNames({ platforms, projects }: Settings): readonly string[] {
  return [
    pepper,
    ...Object.keys(platforms).map(platform => `${ofPlatforms}${platform}`),
    ...Object.keys(projects).map(project => `erasure/voucherify/${project}`),
  ];
}

/** The webhook judges the callers, so of the platforms' secrets the sweep gets only those that callbacks may need. */
export function readableBySweeper(secrets: Secrets, { platforms }: Settings): Secrets {
  const called = [...openPlatforms(platforms)].filter(([, { callbackOrigins }]) => callbackOrigins.length > 0);
  const needed = called.map(([platform]) => `${ofPlatforms}${platform}`);
  return new Map([...secrets].filter(([name]) => !name.startsWith(ofPlatforms) || needed.includes(name)));
}

/** Deployed names of those that the operator fills in. */
export function secretsToFill(settings: Settings, prefix: string): readonly string[] {
  return secretNames(settings)
    .filter(name => name !== pepper)
    .map(name => deployedName(name, prefix));
}

/** The stack's prefix takes the place of the design's. */
export function deployedName(name: string, prefix: string): string {
  return name.replace(/^erasure/, prefix);
}

const pepper = 'erasure/pepper';

const ofPlatforms = 'erasure/platform/';

function secret(scope: Construct, name: string, secretName: string): Secret {
  const created = new Secret(scope, `Secret-${name.slice('erasure/'.length)}`, {
    secretName,
    removalPolicy: RemovalPolicy.RETAIN,
    ...(name === pepper ? drawn : { secretStringValue: SecretValue.unsafePlainText(placeholderFor(name)) }),
  });
  acknowledge(created, 'AwsSolutions-SMG4', name === pepper ? pepperStays : rotatedByHand);
  return created;
}

/** Letters and digits only, so that nothing has to quote it: 64 of 62 kinds are 381 bits. */
const drawn = {
  description: 'Key of the HMACs in receipts. Never change it: no receipt would be found any more.',
  generateSecretString: { passwordLength: 64, excludePunctuation: true },
};

function placeholderFor(name: string): string {
  const ofVoucherify = { appId: placeholder, appToken: placeholder };
  return JSON.stringify(name.startsWith(ofPlatforms) ? { current: placeholder } : ofVoucherify);
}

const pepperStays = 'The pepper is never rotated: every receipt is found by an HMAC made with it.';
const rotatedByHand =
  'Voucherify and the platforms make these keys and no API of theirs lets a rotation function replace one. The runbook ' +
  'rotates them by hand without a gap: a second key for Voucherify, current and previous for a platform.';
