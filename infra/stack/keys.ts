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
 * Creates the key of the identifiers table. The account may administer it but not decrypt with it, and the deployment may
 * use it only through DynamoDB. An administrator who wants to read identifiers must first change this policy, which
 * CloudTrail records.
 */
export function createIdentifiersKey(scope: Construct, deployer: IPrincipal): IKey {
  const statements = [administrationStatement(rotationActions), ...deploymentStatements(scope, deployer)];
  return new Key(scope, 'IdentifiersKey', {
    description: 'Identifiers of persons with open requests. Only the erasure functions may decrypt.',
    enableKeyRotation: true,
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    policy: new PolicyDocument({ statements }),
  });
}

const rotationActions = ['DisableKeyRotation', 'EnableKeyRotation', 'GetKeyRotationStatus', 'ListKeyRotations'];

/**
 * Grants the functions, only through DynamoDB, what a caller of a table with a customer managed key needs (DynamoDB
 * Developer Guide, "Encryption at rest usage notes", authorizing use of a customer managed key). The roles need no
 * statement of their own.
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
 * Returns what the principal that selects the key for a table needs (same page of the DynamoDB Developer Guide), with
 * grants only for AWS services (KMS Developer Guide, "kms:GrantIsForAWSResource").
 */
function deploymentStatements(scope: Construct, deployer: IPrincipal): PolicyStatement[] {
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
 * Creates the key that signs evidence. It never leaves KMS, and administrators of the account cannot sign with it without
 * changing this policy, which CloudTrail records. KMS does not rotate asymmetric keys (KMS Developer Guide, "Rotating AWS
 * KMS keys"). The key is retained when the stack is deleted, although signatures are verified without it.
 */
export function createEvidenceSigningKey(scope: Construct, { evidenceKey: name }: Names): IKey {
  const key = new Key(scope, 'EvidenceKey', {
    description: 'Signs the evidence of closed erasures. Only the sweep may sign.',
    keySpec: KeySpec.ECC_NIST_P256,
    keyUsage: KeyUsage.SIGN_VERIFY,
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    policy: new PolicyDocument({ statements: [administrationStatement([...aliasActions, 'GetPublicKey'])] }),
  });
  key.addAlias(name);
  return key;
}

/** Changing an alias also needs permission on the key (KMS Developer Guide, "Controlling access to aliases"). */
const aliasActions = ['CreateAlias', 'DeleteAlias', 'UpdateAlias'];

/** Lets the role sign. For a role of the same account, the statement in the key policy is enough. */
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
 * Lets the account administer a key but not use it; `more` lists additional KMS actions. In a key policy, `*` means this
 * key (KMS Developer Guide, "Key policies").
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
 * Returns the role that CloudFormation assumes to deploy this construct: the one that `cdk bootstrap` created, with the
 * name that the stack's synthesizer has. The role of the outermost stack deploys a nested one. Throws if the synthesizer
 * has no such role: CDK cannot know then which principal deploys.
 */
export function findDeployer(scope: Construct): IPrincipal {
  const { synthesizer } = rootStack(Stack.of(scope));
  const role = synthesizer instanceof DefaultStackSynthesizer ? synthesizer.cloudFormationExecutionRole : undefined;
  if (role === undefined) {
    throw new Error(
      'The synthesizer of this stack has no CloudFormation execution role. Set `deployer` to the principal that deploys ' +
        'the stack: it needs access to the key of the identifiers table.',
    );
  }
  // A synthesizer leaves placeholders such as `${AWS::AccountId}` for the cloud assembly; a template needs `Fn::Sub`.
  return new ArnPrincipal(role.includes('${') ? Fn.sub(role) : role);
}

function rootStack(stack: Stack): Stack {
  return stack.nestedStackParent === undefined ? stack : rootStack(stack.nestedStackParent);
}
