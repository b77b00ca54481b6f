import { Aws } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { queueIndex } from '../lambda/io/table-layout.ts';
import type { Names } from './names.ts';
import type { Secrets } from './secrets.ts';
import type { Tables } from './tables.ts';

interface Reached {
  readonly receipts: Tables['receipts'];
  readonly secrets: Secrets;
  readonly evidenceKey: IKey;
}

/**
 * What the operator's tool asks for, and no more; it is attached to nobody: the shop decides who operates. It reads
 * every secret, since the tool tries them out. Nothing in it reaches the identifiers, and nobody may delete a receipt.
 * A key's policy has to agree (KMS Developer Guide, "IAM policies"): that of evidence leaves its public half to the account.
 */
export function operatorPolicy(scope: Construct, { prefix }: Names, { receipts, secrets, evidenceKey }: Reached) {
  return new ManagedPolicy(scope, 'OperatorPolicy', {
    // Policies are of an account and not of a region, and two regions of one account may have a deployment each.
    managedPolicyName: `${prefix}-operator-${Aws.REGION}`,
    description: 'For whoever runs the operator tool of the erasure webhook.',
    statements: [
      allowing('Receipts', receiptActions, [receipts.tableArn]),
      allowing('Queue', ['dynamodb:Query'], [`${receipts.tableArn}/index/${queueIndex.name}`]),
      allowing(
        'Secrets',
        ['secretsmanager:GetSecretValue'],
        [...secrets.values()].map(secret => secret.secretArn),
      ),
      allowing('EvidenceKey', ['kms:GetPublicKey'], [evidenceKey.keyArn]),
    ],
  });
}

/** Pauses lie in the same table; a decision is an update of its receipt. */
const receiptActions = [
  ...['dynamodb:BatchGetItem', 'dynamodb:GetItem', 'dynamodb:PutItem'],
  ...['dynamodb:Query', 'dynamodb:Scan', 'dynamodb:UpdateItem'],
];

function allowing(sid: string, actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ sid, actions, resources });
}
