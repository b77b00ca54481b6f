import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IPrincipal, type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { administrationStatement } from './key-administration.ts';

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
