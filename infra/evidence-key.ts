import { RemovalPolicy } from 'aws-cdk-lib';
import { type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { administrationStatement } from './key-administration.ts';
import type { Names } from './names.ts';

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
