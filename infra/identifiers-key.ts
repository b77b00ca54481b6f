import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AccountRootPrincipal, type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { administration } from './key-administration.ts';

/**
 * The key of the identifiers table. The account may administer it and make a table with it, but not decrypt: whoever
 * wants to read identifiers must first change this policy, which CloudTrail shows.
 */
export function identifiersKey(scope: Construct): IKey {
  const policy = new PolicyDocument({ statements: [administration(rotation), tableCreation(scope)] });
  return new Key(scope, 'IdentifiersKey', {
    description: 'Identifiers of people whose erasure is open. Only the erasure functions may decrypt.',
    enableKeyRotation: true,
    removalPolicy: RemovalPolicy.RETAIN,
    policy,
  });
}

const rotation = ['DisableKeyRotation', 'EnableKeyRotation', 'GetKeyRotationStatus', 'ListKeyRotations'];

/**
 * What DynamoDB needs of a caller who uses a table with a key of one's own (DynamoDB Developer Guide, "Encryption at
 * rest usage notes", authorizing use of a customer managed key), and through DynamoDB only. The roles need no statement
 * of their own beside it.
 */
export function allowUse(key: IKey, roles: readonly IRole[]): void {
  key.addToResourcePolicy(
    new PolicyStatement({
      sid: 'UseByTheFunctions',
      principals: [...roles],
      actions: [
        'kms:Decrypt',
        'kms:DescribeKey',
        'kms:Encrypt',
        'kms:GenerateDataKey',
        'kms:ReEncryptFrom',
        'kms:ReEncryptTo',
      ],
      resources: ['*'],
      conditions: viaDynamodb(key),
    }),
  );
}

/** The deploying role is not known here; whichever the account lets create tables may hand this key to DynamoDB. */
function tableCreation(scope: Construct): PolicyStatement {
  return new PolicyStatement({
    sid: 'TableCreation',
    principals: [new AccountRootPrincipal()],
    actions: ['kms:CreateGrant', 'kms:DescribeKey'],
    resources: ['*'],
    conditions: viaDynamodb(scope),
  });
}

function viaDynamodb(scope: Construct | IKey) {
  return { StringEquals: { 'kms:ViaService': `dynamodb.${Stack.of(scope).region}.amazonaws.com` } };
}
