import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { callDeadline } from '../../lambda/aws/clients.ts';
import type { TableNames } from '../../lambda/aws/dynamodb-items.ts';
import { ttlAttribute } from '../../lambda/aws/table-layout.ts';

/** How a table of the deployment is kept. */
export interface TableStatus {
  readonly name: string;
  readonly active: boolean;
  readonly backedUp: boolean;
  readonly protectedFromDeletion: boolean;
  /** Whether closed receipts expire; the identifiers are deleted by the sweep, so nothing expires there. */
  readonly expires: boolean;
  readonly mustExpire: boolean;
}

/** How AWS keeps both tables: their descriptions, never a row. Throws the SDK's own errors. */
export function readTableStatus(
  client: DynamoDBClient,
  { receipts, identifiers }: TableNames,
): Promise<readonly TableStatus[]> {
  return Promise.all([keptTable(client, receipts, true), keptTable(client, identifiers, false)]);
}

async function keptTable(client: DynamoDBClient, TableName: string, mustExpire: boolean): Promise<TableStatus> {
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

/** Longest that one description may take, in milliseconds. */
const descriptionMs = 5000;
