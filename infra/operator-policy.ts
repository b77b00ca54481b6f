import { Aws } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { queueIndex } from '../lambda/io/table-layout.ts';
import type { Names } from './names.ts';
import type { Secrets } from './secrets.ts';
import type { ErasureTables } from './tables.ts';

interface Reached {
  readonly tables: Pick<ErasureTables, 'receipts' | 'identifiers'>;
  readonly secrets: Secrets;
  readonly evidenceKey: IKey;
}

/**
 * What the operator's tool asks for, and no more; it is attached to nobody: the shop decides who operates. It reads
 * every secret, since the tool tries them out. Of the identifiers it sees how their table is kept and never a row, and nobody may
 * delete a receipt.
 * A key's policy has to agree (KMS Developer Guide, "IAM policies"): that of evidence leaves its public half to the account.
 */
export function operatorPolicy(scope: Construct, { prefix }: Names, { tables, secrets, evidenceKey }: Reached) {
  const { receipts, identifiers } = tables;
  return new ManagedPolicy(scope, 'OperatorPolicy', {
    // Policies are of an account and not of a region, and two regions of one account may have a deployment each.
    managedPolicyName: `${prefix}-operator-${Aws.REGION}`,
    description: 'For whoever runs the operator tool of the erasure webhook.',
    statements: [
      allowing('Receipts', receiptActions, [receipts.tableArn]),
      allowing('Queue', ['dynamodb:Query'], [`${receipts.tableArn}/index/${queueIndex.name}`]),
      allowing('Tables', tableActions, [receipts.tableArn, identifiers.tableArn]),
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

/** How tables are kept: their descriptions. */
const tableActions = ['dynamodb:DescribeContinuousBackups', 'dynamodb:DescribeTable', 'dynamodb:DescribeTimeToLive'];

function allowing(sid: string, actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ sid, actions, resources });
}
