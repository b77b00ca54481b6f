import {
  CreateSecretCommand,
  GetRandomPasswordCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import * as v from 'valibot';
import type { AssembledFunction, Assembly, Resource } from './assembly.ts';
import { type Created, callJson, createStack, type Known, resolveReferences, resolveText } from './cloudformation.ts';

/** The part of the template that an emulator supports, deployed, with its references resolved. */
export interface Deployment {
  /** Physical names and attributes by logical id. */
  readonly known: Known;
  /** The number of resources that CloudFormation created, by type. */
  readonly created: ReadonlyMap<string, number>;
  /** ARNs of the secrets by their deployed names. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Returns the variables of a function, with every reference resolved. */
  variablesOf(one: AssembledFunction): Readonly<Record<string, string>>;
}

/** Resource types that the emulator's CloudFormation creates as in the template. */
const stacked = ['AWS::DynamoDB::Table', 'AWS::IAM::Role', 'AWS::Events::Rule'];

/** The emulator's account id. */
const account: readonly (readonly [string, string])[] = [
  ['AWS::AccountId', '123456789012'],
  ['AWS::Partition', 'aws'],
  ['AWS::Region', 'eu-west-1'],
  ['AWS::URLSuffix', 'amazonaws.com'],
];

/**
 * Deploys tables, roles and rule through CloudFormation, and secrets and keys by plain calls, because the emulator's
 * CloudFormation does not support them. Functions get the ARNs of the real ones but run as local processes.
 */
export async function deploy(assembly: Assembly, endpoint: string, secrets: SecretsManagerClient): Promise<Deployment> {
  const known = new Map<string, Created>(account.map(([name, ref]) => [name, { ref }]));
  const arns = new Map<string, string>();
  for (const [id, { Properties }] of ofType(assembly, 'AWS::SecretsManager::Secret')) {
    const { name, arn } = await createSecret(Properties, secrets);
    known.set(id, { ref: arn });
    arns.set(name, arn);
  }
  for (const [id, { Properties }] of ofType(assembly, 'AWS::KMS::Key')) {
    known.set(id, await createKey(Properties, endpoint));
  }
  for (const [, { Properties }] of ofType(assembly, 'AWS::KMS::Alias')) {
    await callJson(endpoint, 'kms', 'TrentService.CreateAlias', plain(Properties, known));
  }
  for (const [id, { Properties }] of ofType(assembly, 'AWS::Lambda::Function')) {
    const ref = v.parse(v.string(), Properties['FunctionName']);
    known.set(id, { ref, attributes: { Arn: `arn:aws:lambda:eu-west-1:123456789012:function:${ref}` } });
  }
  for (const [id, { Properties }] of ofType(assembly, 'AWS::Lambda::Alias')) {
    const of = resolveText(Properties['FunctionName'], known);
    known.set(id, { ref: `arn:aws:lambda:eu-west-1:123456789012:function:${of}:${String(Properties['Name'])}` });
  }
  const resources = stacked.flatMap(type => ofType(assembly, type));
  const inStack = resources.map(([id, { Type, Properties }]) => [id, { Type, Properties: plain(Properties, known) }]);
  const created = await createStack(endpoint, 'VoucherifyErasure', Object.fromEntries(inStack));
  for (const [id, ref] of created) known.set(id, { ref });
  return { known, created: counted(resources), secrets: arns, variablesOf: one => variablesOf(one, known) };
}

function ofType({ resources }: Assembly, type: string): [string, Resource][] {
  return Object.entries(resources).filter(([, { Type }]) => Type === type);
}

function plain(properties: Resource['Properties'], known: Known): Record<string, unknown> {
  return v.parse(v.record(v.string(), v.unknown()), resolveReferences(properties, known));
}

function counted(resources: readonly [string, Resource][]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [, { Type }] of resources) counts.set(Type, (counts.get(Type) ?? 0) + 1);
  return counts;
}

function variablesOf({ properties }: AssembledFunction, known: Known): Readonly<Record<string, string>> {
  const variables = Object.entries(properties.Environment.Variables);
  return Object.fromEntries(variables.map(([name, value]) => [name, resolveText(value, known)]));
}

const secretProperties = v.looseObject({
  Name: v.string(),
  SecretString: v.exactOptional(v.string()),
  GenerateSecretString: v.exactOptional(v.looseObject({ PasswordLength: v.number(), ExcludePunctuation: v.boolean() })),
});

async function createSecret(properties: Resource['Properties'], client: SecretsManagerClient) {
  const { Name, SecretString, GenerateSecretString } = v.parse(secretProperties, properties);
  const text =
    SecretString ?? (await client.send(new GetRandomPasswordCommand(GenerateSecretString ?? {}))).RandomPassword;
  const { ARN } = await client.send(new CreateSecretCommand({ Name, SecretString: text }));
  return { name: Name, arn: v.parse(v.string(), ARN) };
}

const createdKey = v.object({ KeyMetadata: v.object({ KeyId: v.string(), Arn: v.string() }) });

async function createKey({ KeySpec, KeyUsage }: Resource['Properties'], endpoint: string): Promise<Created> {
  const original = await callJson(endpoint, 'kms', 'TrentService.CreateKey', { KeySpec, KeyUsage });
  const { KeyMetadata } = v.parse(createdKey, original);
  return { ref: KeyMetadata.KeyId, attributes: { Arn: KeyMetadata.Arn } };
}
