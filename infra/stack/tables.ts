import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AttributeType,
  BillingMode,
  ProjectionType,
  Table,
  TableEncryption,
  type TableProps,
} from 'aws-cdk-lib/aws-dynamodb';
import type { IPrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { queueIndex, tableKeys, ttlAttribute } from '../../lambda/aws/table-layout.ts';
import { createIdentifiersKey } from './keys.ts';
import type { Names } from './names.ts';

export interface ErasureTables {
  readonly receipts: Table;
  readonly identifiers: Table;
  readonly key: IKey;
}

/**
 * Creates both tables; `deployer` is the principal that needs the key for it. `Table` and not `TableV2`: cdk-nag checks
 * point-in-time recovery only on `Table`, and emulators support only `Table`.
 */
export function createErasureTables(scope: Construct, named: Names, deployer: IPrincipal): ErasureTables {
  const key = createIdentifiersKey(scope, deployer);
  return { receipts: createReceipts(scope, named), identifiers: createIdentifiers(scope, named, key), key };
}

function createReceipts(scope: Construct, named: Names): Table {
  const table = new Table(scope, 'Receipts', {
    ...tableProps(35),
    tableName: named.receipts,
  });
  table.addGlobalSecondaryIndex({
    indexName: queueIndex.name,
    partitionKey: { name: queueIndex.partition, type: AttributeType.STRING },
    sortKey: { name: queueIndex.sort, type: AttributeType.NUMBER },
    projectionType: ProjectionType.KEYS_ONLY,
  });
  return table;
}

/** One day of point-in-time recovery, the shortest period: deleted identifiers must not remain in backups. */
function createIdentifiers(scope: Construct, named: Names, encryptionKey: IKey): Table {
  return new Table(scope, 'Identifiers', {
    ...tableProps(1),
    tableName: named.identifiers,
    encryption: TableEncryption.CUSTOMER_MANAGED,
    encryptionKey,
  });
}

function tableProps(recoveryPeriodInDays: number) {
  return {
    partitionKey: { name: tableKeys.partition, type: AttributeType.STRING },
    sortKey: { name: tableKeys.sort, type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    timeToLiveAttribute: ttlAttribute,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  } satisfies TableProps;
}
