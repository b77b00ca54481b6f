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
import { queueIndex, tableKeys, ttlAttribute } from '../lambda/io/table-layout.ts';
import { identifiersKey } from './identifiers-key.ts';
import type { Names } from './names.ts';

export interface ErasureTables {
  readonly receipts: Table;
  readonly identifiers: Table;
  readonly key: IKey;
}

/**
 * Both tables; `deployer` creates them with the key. `Table` and not `TableV2`: cdk-nag looks for point-in-time recovery
 * on the first only, and emulators know the first only.
 */
export function tables(scope: Construct, named: Names, deployer: IPrincipal): ErasureTables {
  const key = identifiersKey(scope, deployer);
  return { receipts: receipts(scope, named), identifiers: identifiers(scope, named, key), key };
}

function receipts(scope: Construct, named: Names): Table {
  const table = new Table(scope, 'Receipts', {
    ...pointInTimeRecovery(35),
    tableName: named.receipts,
    timeToLiveAttribute: ttlAttribute,
  });
  table.addGlobalSecondaryIndex({
    indexName: queueIndex.name,
    partitionKey: { name: queueIndex.partition, type: AttributeType.STRING },
    sortKey: { name: queueIndex.sort, type: AttributeType.NUMBER },
    projectionType: ProjectionType.KEYS_ONLY,
  });
  return table;
}

/** One day of backups, the shortest there is: what is deleted here must be gone. */
function identifiers(scope: Construct, named: Names, encryptionKey: IKey): Table {
  return new Table(scope, 'Identifiers', {
    ...pointInTimeRecovery(1),
    tableName: named.identifiers,
    encryption: TableEncryption.CUSTOMER_MANAGED,
    encryptionKey,
  });
}

function pointInTimeRecovery(recoveryPeriodInDays: number) {
  return {
    partitionKey: { name: tableKeys.partition, type: AttributeType.STRING },
    sortKey: { name: tableKeys.sort, type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  } satisfies TableProps;
}
