import { RemovalPolicy, SecretValue } from 'aws-cdk-lib';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { placeholder } from '../lambda/io/secret.ts';
import type { Settings } from '../lambda/io/settings.ts';
import { acknowledge } from './nag.ts';

/** By design name: the pepper, one a platform and one a project. */
export type Secrets = ReadonlyMap<string, ISecret>;

/**
 * Creates the secrets. CloudFormation writes a secret's text only when the template's text changes, so the constants
 * below must stay as they are: another placeholder would overwrite what the operator filled in, and other rules for the
 * pepper would draw a new one, after which no receipt is found any more.
 */
export function secrets(scope: Construct, prefix: string, settings: Settings): Secrets {
  const names = secretNames(settings);
  return new Map(names.map(name => [name, secret(scope, name, deployedName(name, prefix))]));
}

/** Every secret that these settings need. */
export function secretNames({ platforms, projects }: Settings): readonly string[] {
  return [
    pepper,
    ...Object.keys(platforms).map(platform => `erasure/platform/${platform}`),
    ...Object.keys(projects).map(project => `erasure/voucherify/${project}`),
  ];
}

/** Callers are judged by the webhook alone. */
export function sweeperReads(name: string): boolean {
  return !name.startsWith('erasure/platform/');
}

/** The stack's prefix takes the place of the design's. */
export function deployedName(name: string, prefix: string): string {
  return name.replace(/^erasure/, prefix);
}

const pepper = 'erasure/pepper';

function secret(scope: Construct, name: string, secretName: string): ISecret {
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
  return JSON.stringify(sweeperReads(name) ? { appId: placeholder, appToken: placeholder } : { current: placeholder });
}

const pepperStays = 'The pepper is never rotated: every receipt is found by an HMAC made with it.';
const rotatedByHand =
  'Voucherify and the platforms make these keys and no API of theirs lets a rotation function replace one. The runbook ' +
  'rotates them by hand without a gap: a second key for Voucherify, current and previous for a platform.';
