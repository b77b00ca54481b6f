import { DefaultStackSynthesizer, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  AccountRootPrincipal,
  ArnPrincipal,
  type IPrincipal,
  type IRole,
  PolicyDocument,
  PolicyStatement,
} from 'aws-cdk-lib/aws-iam';
import { type IKey, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Names } from './names.ts';

/**
 * Creates the key of the identifiers table. The account may administer it but not decrypt with it, and the deployment
 * only through DynamoDB: an administrator who wants to read identifiers must first change this policy, which CloudTrail
 * shows.
 */
export function identifiersKey(scope: Construct, deployer: IPrincipal): IKey {
  const statements = [administrationStatement(rotation), ...deployment(scope, deployer)];
  return new Key(scope, 'IdentifiersKey', {
    description: 'Identifiers of people whose erasure is open. Only the erasure functions may decrypt.',
    enableKeyRotation: true,
    removalPolicy: RemovalPolicy.RETAIN,
    policy: new PolicyDocument({ statements }),
  });
}

const rotation = ['DisableKeyRotation', 'EnableKeyRotation', 'GetKeyRotationStatus', 'ListKeyRotations'];

/**
 * Allows the functions what DynamoDB needs of a caller who uses a table with a customer managed key (DynamoDB Developer
 * Guide, "Encryption at rest usage notes", authorizing use of a customer managed key), and through DynamoDB only. The
 * roles need no statement of their own beside it.
 */
export function grantKeyUse(key: IKey, roles: readonly IRole[]): void {
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'UseByTheFunctions',
      principals: [...roles],
      actions: [
        'kms:Decrypt',
        'kms:DescribeKey',
        'kms:Encrypt',
        'kms:GenerateDataKey',
        'kms:GenerateDataKeyWithoutPlaintext',
        'kms:ReEncryptFrom',
        'kms:ReEncryptTo',
      ],
      resources: ['*'],
      conditions: viaDynamodb(key),
    }),
  );
}

/**
 * What DynamoDB needs of the principal who selects the key for a table (same page of the DynamoDB Developer Guide), and
 * grants only for AWS services (KMS Developer Guide, "kms:GrantIsForAWSResource").
 */
function deployment(scope: Construct, deployer: IPrincipal): PolicyStatement[] {
  const shared = { principals: [deployer], resources: ['*'] };
  const conditions = viaDynamodb(scope);
  return [
    new PolicyStatement({
      ...shared,
      sid: 'UseByTheDeployment',
      actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'],
      conditions,
    }),
    new PolicyStatement({
      ...shared,
      sid: 'GrantByTheDeployment',
      actions: ['kms:CreateGrant'],
      conditions: { ...conditions, Bool: { 'kms:GrantIsForAWSResource': 'true' } },
    }),
  ];
}

function viaDynamodb(scope: Construct | IKey) {
  return { StringEquals: { 'kms:ViaService': `dynamodb.${Stack.of(scope).region}.amazonaws.com` } };
}

/**
 * The key that evidence is signed with. It never leaves KMS, and the account's administrators cannot sign with it
 * without changing this policy, which CloudTrail shows. KMS does not rotate keys of this kind (KMS Developer Guide,
 * "Rotating AWS KMS keys"); it is kept when the stack goes, though what it signed is verified without it.
 */
export function evidenceKey(scope: Construct, { evidenceKey: name }: Names): IKey {
  const key = new Key(scope, 'EvidenceKey', {
    description: 'Signs the evidence of closed erasures. Only the sweep may sign.',
    keySpec: KeySpec.ECC_NIST_P256,
    keyUsage: KeyUsage.SIGN_VERIFY,
    removalPolicy: RemovalPolicy.RETAIN,
    policy: new PolicyDocument({ statements: [administrationStatement([...alias, 'GetPublicKey'])] }),
  });
  key.addAlias(name);
  return key;
}

/** A key's alias is asked for at the key too (KMS Developer Guide, "Controlling access to aliases"). */
const alias = ['CreateAlias', 'DeleteAlias', 'UpdateAlias'];

/** The statement in the key's own policy is enough for a role of the same account. */
export function grantSigning(key: IKey, role: IRole): void {
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'SignByTheSweep',
      principals: [role],
      actions: ['kms:GetPublicKey', 'kms:Sign'],
      resources: ['*'],
      conditions: { StringEqualsIfExists: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256' } },
    }),
  );
}

/**
 * What the account may do with a key: administer it, and not use it. `more` names further actions of KMS. In a key policy
 * `*` is this key (KMS Developer Guide, "Key policies").
 */
function administrationStatement(more: readonly string[]): PolicyStatement {
  const actions = [
    ...['CancelKeyDeletion', 'DescribeKey', 'DisableKey', 'EnableKey', 'GetKeyPolicy', 'ListGrants'],
    ...['ListKeyPolicies', 'ListResourceTags', 'PutKeyPolicy', 'RevokeGrant', 'ScheduleKeyDeletion'],
    ...['TagResource', 'UntagResource', 'UpdateKeyDescription'],
    ...more,
  ];
  return new PolicyStatement({
    sid: 'Administration',
    principals: [new AccountRootPrincipal()],
    actions: actions.toSorted().map(action => `kms:${action}`),
    resources: ['*'],
  });
}

/**
 * The role that CloudFormation runs as when it deploys this construct: the one that `cdk bootstrap` made, under whatever
 * name the stack's synthesizer knows. A nested stack is deployed by the role of the outermost one. Throws where the
 * synthesizer has no such role, since then CDK cannot know who deploys.
 */
export function deployerOf(scope: Construct): IPrincipal {
  const { synthesizer } = outermost(Stack.of(scope));
  const role = synthesizer instanceof DefaultStackSynthesizer ? synthesizer.cloudFormationExecutionRole : undefined;
  if (role === undefined) {
    throw new Error(
      'The synthesizer of this stack names no role that CloudFormation runs as. Set `deployer` to the principal that ' +
        'deploys the stack: it needs the key of the identifiers table.',
    );
  }
  // A synthesizer leaves placeholders such as `${AWS::AccountId}` as they are, for the cloud assembly. A template needs
  // `Fn::Sub` around them.
  return new ArnPrincipal(role.includes('${') ? Fn.sub(role) : role);
}

function outermost(stack: Stack): Stack {
  return stack.nestedStackParent === undefined ? stack : outermost(stack.nestedStackParent);
}
