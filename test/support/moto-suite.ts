import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll } from 'vitest';
import { createTables } from '../../infra/local/emulator-services.ts';
import { emulatedInTurn, type Moto, startMoto } from './moto.ts';

/** One moto for all tests of a suite. */
export function motoForSuite(): () => Moto {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(async () => {
    await moto.stop();
  });
  return () => moto;
}

/** Tables of their own for one test, and a client that may speak through another endpoint. */
export async function freshTables(moto: Moto, endpoint = moto.endpoint) {
  const run = randomUUID();
  const tables = { receipts: `receipts-${run}`, identifiers: `identifiers-${run}` };
  const admin = new DynamoDBClient(emulatedInTurn(moto.endpoint));
  await createTables(admin, tables);
  const client = new DynamoDBClient(emulatedInTurn(endpoint));
  const close = () => {
    client.destroy();
    admin.destroy();
  };
  return { tables, admin, client, close };
}
