import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { synthesised } from './synthesised.ts';

const { of, readable, resources, template } = synthesised();

const account = { AWS: 'arn:AWS::Partition:iam::AWS::AccountId:root' };

describe('tables', () => {
  const keys = [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ];

  test('receipts: have 35 days of backups, expire only by TTL, and are the queue', () => {
    template.hasResourceProperties('AWS::DynamoDB::Table', {
      TableName: 'erasure-receipts',
      KeySchema: keys,
      BillingMode: 'PAY_PER_REQUEST',
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 },
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      GlobalSecondaryIndexes: [
        {
          IndexName: 'queue',
          KeySchema: [
            { AttributeName: 'queue', KeyType: 'HASH' },
            { AttributeName: 'nextAttemptAt', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
      AttributeDefinitions: Match.arrayWith([{ AttributeName: 'nextAttemptAt', AttributeType: 'N' }]),
    });
  });

  test('identifiers: have one day of backups, a TTL and their own key', () => {
    template.hasResourceProperties('AWS::DynamoDB::Table', {
      TableName: 'erasure-identifiers',
      KeySchema: keys,
      BillingMode: 'PAY_PER_REQUEST',
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 1 },
      SSESpecification: { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: Match.anyValue() },
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
  });
});

describe('key of the identifiers', () => {
  const [key] = of('AWS::KMS::Key');
  const [administration, deployed, granted, use, ...others] = key.KeyPolicy.Statement.map(readable);
  const viaDynamodb = { StringEquals: { 'kms:ViaService': 'dynamodb.AWS::Region.amazonaws.com' } };

  test('use: only by the two function roles, and only through DynamoDB', () => {
    expect(use).toEqual({
      Sid: 'UseByTheFunctions',
      Effect: 'Allow',
      Principal: { AWS: ['arn(SweeperRole)', 'arn(WebhookRole)'] },
      Action: [
        ...['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'],
        ...['kms:GenerateDataKeyWithoutPlaintext', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'],
      ],
      Resource: '*',
      Condition: viaDynamodb,
    });
    // The deployment's two statements have a test file of their own.
    expect([deployed.Sid, granted.Sid]).toEqual(['UseByTheDeployment', 'GrantByTheDeployment']);
    expect(others).toEqual([]);
  });

  test('administration: by the account, which cannot decrypt or grant decryption', () => {
    expect(administration).toMatchObject({ Sid: 'Administration', Effect: 'Allow', Principal: account });
    const reading = /Decrypt|Encrypt|GenerateDataKey|CreateGrant|\*/;
    expect(administration.Action.filter((action: string) => reading.test(action))).toEqual([]);
    // Without this statement the policy could never be changed again.
    expect(administration.Action).toContain('kms:PutKeyPolicy');
    expect(key.EnableKeyRotation).toBe(true);
  });
});

describe('key that signs evidence', () => {
  const key = of('AWS::KMS::Key').find(({ KeyUsage }) => KeyUsage === 'SIGN_VERIFY');
  const [administration, signing, ...others] = key.KeyPolicy.Statement.map(readable);

  test('key: makes ES256 signatures, and has the alias that the operator’s tool uses', () => {
    expect(key.KeySpec).toBe('ECC_NIST_P256');
    expect(of('AWS::KMS::Alias').map(({ AliasName }) => AliasName)).toEqual(['alias/erasure-evidence']);
  });

  test('use: only the sweep signs', () => {
    expect(signing).toMatchObject({
      Sid: 'SignByTheSweep',
      Effect: 'Allow',
      Principal: { AWS: expect.stringContaining('SweeperRole') },
      Action: ['kms:GetPublicKey', 'kms:Sign'],
      Resource: '*',
    });
    expect(others).toEqual([]);
  });

  test('administration: by the account, which reads the public key and cannot sign', () => {
    expect(administration).toMatchObject({ Sid: 'Administration', Effect: 'Allow', Principal: account });
    expect(administration.Action.filter((action: string) => /kms:Sign|CreateGrant|\*/.test(action))).toEqual([]);
    expect(administration.Action).toEqual(expect.arrayContaining(['kms:GetPublicKey', 'kms:PutKeyPolicy']));
    // Without these the alias could not be created, and the deployment would fail.
    const naming = ['kms:CreateAlias', 'kms:DeleteAlias', 'kms:UpdateAlias'];
    expect(administration.Action).toEqual(expect.arrayContaining(naming));
  });
});

describe('secrets', () => {
  test('placeholders: are refused by the functions, and have the shape that they parse', () => {
    // CloudFormation rewrites a secret when this text changes: a change would overwrite real keys.
    const filled = of('AWS::SecretsManager::Secret').map(({ Name, SecretString }) => [Name, SecretString]);
    expect(filled).toEqual([
      ['erasure/pepper', undefined],
      ['erasure/platform/ketch', '{"current":"REPLACE_ME"}'],
      ['erasure/voucherify/main', '{"appId":"REPLACE_ME","appToken":"REPLACE_ME"}'],
    ]);
  });

  test('pepper: is generated once, by rules that must not change', () => {
    const [pepper] = of('AWS::SecretsManager::Secret');
    expect(pepper.GenerateSecretString).toEqual({ PasswordLength: 64, ExcludePunctuation: true });
  });
});

test('stored data: is retained without the stack, under logical ids that must not change', () => {
  const stateful = ['AWS::DynamoDB::Table', 'AWS::KMS::Key', 'AWS::SecretsManager::Secret'];
  const kept = Object.keys(resources).filter(id => stateful.includes(resources[id].Type));
  for (const id of kept) {
    // A failed first deployment must not leave names that block the next one. Deletion protection keeps tables anyway.
    const DeletionPolicy = resources[id].Type === 'AWS::DynamoDB::Table' ? 'Retain' : 'RetainExceptOnCreate';
    expect(resources[id]).toMatchObject({ DeletionPolicy, UpdateReplacePolicy: 'Retain' });
  }
  // Another id is another resource: CloudFormation would try to make a second table of the same name.
  expect(kept.sort()).toEqual([
    ...['ErasureEvidenceKeyA2D037DE', 'ErasureIdentifiers1C3A682E', 'ErasureIdentifiersKey1309A529'],
    ...['ErasureReceiptsA62ABA2D', 'ErasureSecretpepper3527A0D7', 'ErasureSecretplatformketch08771043'],
    'ErasureSecretvoucherifymain6BCB1716',
  ]);
});

test('stage: has its own names', () => {
  const { of: inStage } = synthesised({ stage: 'test' });
  expect(inStage('AWS::DynamoDB::Table').map(({ TableName }) => TableName)).toEqual([
    ...['erasure-test-receipts', 'erasure-test-identifiers'],
  ]);
  expect(inStage('AWS::SecretsManager::Secret').map(({ Name }) => Name)).toEqual([
    ...['erasure-test/pepper', 'erasure-test/platform/ketch', 'erasure-test/voucherify/main'],
  ]);
});
