import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe } from 'vitest';
import { createTables } from '../../infra/local/emulator-services.ts';
import { hasJava, startDynamodbLocal } from './dynamodb-local.ts';
import { emulatedInTurn, emulatedPatiently, type Moto, motoIsHere, startMoto } from './moto.ts';

/** The engines that judge what is written for DynamoDB: an independent emulator, and AWS's own. */
const dynamodbEngines = [
  { name: 'moto', isInstalled: motoIsHere, start: startMoto },
  { name: 'DynamoDB Local', isInstalled: hasJava, start: startDynamodbLocal },
];

/** Runs a suite on every engine; on a missing one it is skipped, and the reason is printed. */
export function describeOnDynamodb(suite: (engine: () => Moto) => void): void {
  for (const { name, isInstalled, start } of dynamodbEngines) {
    describe.skipIf(!isInstalled())(`on ${name}`, () => suite(emulatorForSuite(start)));
  }
}

/** One moto for all tests of a suite. */
export function motoForSuite(): () => Moto {
  return emulatorForSuite(startMoto);
}

function emulatorForSuite(start: () => Promise<Moto>): () => Moto {
  let moto: Moto;
  beforeAll(async () => {
    moto = await start();
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
  const optionsFor = moto.isolates ? emulatedPatiently : emulatedInTurn;
  const admin = new DynamoDBClient(optionsFor(moto.endpoint));
  await createTables(admin, tables);
  const client = new DynamoDBClient(optionsFor(endpoint));
  const close = () => {
    client.destroy();
    admin.destroy();
  };
  return { tables, admin, client, close };
}
