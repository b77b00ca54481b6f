import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { callDeadline } from '../../lambda/aws/clients.ts';
import type { TableNames } from '../../lambda/aws/dynamodb-items.ts';
import { ttlAttribute } from '../../lambda/aws/table-layout.ts';

/** The state and protection of a table. */
export interface TableStatus {
  readonly name: string;
  readonly active: boolean;
  readonly backedUp: boolean;
  readonly protectedFromDeletion: boolean;
  /** Whether a TTL is set, for closed receipts. The sweep deletes identifiers, so their table needs none. */
  readonly expires: boolean;
  readonly mustExpire: boolean;
}

/** Reads the descriptions of both tables, and no row. Throws the SDK's own errors. */
export function readTableStatus(
  client: DynamoDBClient,
  { receipts, identifiers }: TableNames,
): Promise<readonly TableStatus[]> {
  return Promise.all([describeTable(client, receipts, true), describeTable(client, identifiers, false)]);
}

async function describeTable(client: DynamoDBClient, TableName: string, mustExpire: boolean): Promise<TableStatus> {
  const [{ Table }, { TimeToLiveDescription: ttl }, { ContinuousBackupsDescription: backups }] = await Promise.all([
    client.send(new DescribeTableCommand({ TableName }), callDeadline(descriptionMs)),
    client.send(new DescribeTimeToLiveCommand({ TableName }), callDeadline(descriptionMs)),
    client.send(new DescribeContinuousBackupsCommand({ TableName }), callDeadline(descriptionMs)),
  ]);
  return {
    name: TableName,
    active: Table?.TableStatus === 'ACTIVE',
    backedUp: backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus === 'ENABLED',
    protectedFromDeletion: Table?.DeletionProtectionEnabled === true,
    expires: ttl?.TimeToLiveStatus === 'ENABLED' && ttl.AttributeName === ttlAttribute,
    mustExpire,
  };
}

/** Time limit of one call, in milliseconds. */
const descriptionMs = 5000;
