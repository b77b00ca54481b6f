import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
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
  /** Whether a TTL is set, for closed receipts and for pins that are kept after a verification. */
  readonly expires: boolean;
  /** Days of point-in-time recovery. */
  readonly recoveryDays: number;
}

/** Reads the descriptions of both tables, and no row. Throws the SDK's own errors. */
export function readTableStatus(
  client: DynamoDBClient,
  { receipts, identifiers }: TableNames,
): Promise<readonly TableStatus[]> {
  return Promise.all([describeTable(client, receipts, 35), describeTable(client, identifiers, 1)]);
}

/** Days of recovery as in the stack: deleted identifiers must not remain in backups. */
async function describeTable(client: DynamoDBClient, TableName: string, recoveryDays: number): Promise<TableStatus> {
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
    expires: /^ENABL(ED|ING)$/.test(ttl?.TimeToLiveStatus ?? '') && ttl?.AttributeName === ttlAttribute,
    recoveryDays,
  };
}

/** Returns what is wrong with a table; nothing for one that is as the stack creates it. */
export function tableProblems(table: TableStatus): readonly string[] {
  return [
    table.active ? [] : ['it is not active'],
    table.backedUp ? [] : ['point-in-time recovery is off'],
    table.protectedFromDeletion ? [] : ['deletion protection is off'],
    table.expires ? [] : ['expired rows are never deleted'],
  ].flat();
}

export type ProtectTables = (found: readonly TableStatus[]) => Promise<void>;

/**
 * Sets point-in-time recovery, deletion protection and the TTL of the tables that lack them: a restored table has none of
 * them (DynamoDB Developer Guide, "Restoring a table to a point in time"). Throws the SDK's own errors.
 */
export async function protectTables(client: DynamoDBClient, found: readonly TableStatus[]): Promise<void> {
  for (const { name: TableName, backedUp, protectedFromDeletion, expires, recoveryDays } of found) {
    const deadline = callDeadline(3 * descriptionMs);
    if (!protectedFromDeletion)
      await client.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: true }), deadline);
    if (!backedUp) {
      const PointInTimeRecoverySpecification = {
        PointInTimeRecoveryEnabled: true,
        RecoveryPeriodInDays: recoveryDays,
      };
      await client.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }), deadline);
    }
    if (!expires) {
      const TimeToLiveSpecification = { Enabled: true, AttributeName: ttlAttribute };
      await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }), deadline);
    }
  }
}

/** Time limit of one call, in milliseconds. */
const descriptionMs = 5000;
