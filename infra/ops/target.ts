import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { awsClientOptions } from '../../lambda/io/aws-clients.ts';
import { dynamodbControl } from '../../lambda/io/dynamodb-control.ts';
import type { ControlRows } from '../../lambda/receipts/control.ts';
import { openSqliteStore } from '../local/sqlite.ts';

/** Where the operator's decisions are written: a deployed table, or the folder of a local run. */
export type Target = { readonly table: string } | { readonly folder: string };

/** Opens the control rows. Throws for a folder in which nothing was ever run. */
export function openControl(target: Target): ControlRows {
  if ('table' in target) return dynamodbControl(new DynamoDBClient(awsClientOptions()), target.table);
  const file = join(target.folder, 'erasure.sqlite');
  if (!existsSync(file)) throw new Error('no local run here');
  return openSqliteStore(file).control;
}
