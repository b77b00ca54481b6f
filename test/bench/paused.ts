import { randomUUID } from 'node:crypto';
import { BatchWriteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTables } from '../../infra/local/emulator-services.ts';
import { dynamodbControl } from '../../lambda/aws/dynamodb-control.ts';
import { acceptActions, type TableNames } from '../../lambda/aws/dynamodb-items.ts';
import { dynamodbStore } from '../../lambda/aws/dynamodb-store.ts';
import { pause } from '../../lambda/control/pauses.ts';
import { createReceipt, type Receipt } from '../../lambda/receipts/receipt.ts';
import { createServices } from '../../lambda/services.ts';
import { parseSettings } from '../../lambda/settings.ts';
import { sweep } from '../../lambda/sweep/sweep.ts';
import { startDynamodbLocal } from '../support/dynamodb-local.ts';
import { forbiddenAdapters } from '../support/forbidden-adapters.ts';
import { emulatedPatiently } from '../support/moto.ts';
import { settingsText } from '../support/settings.ts';
import { markdown } from './statistics.ts';

const minute = 60_000;
const minutesOfDay = 1440;
/** Sweeps that are measured: five minutes, which have one scan of the index. */
const sweeps = 5;
const start = Date.UTC(2026, 10, 24, 12);

/** Dollars for a million units, as in docs/cost.md. */
const dollars = { read: 0.125, write: 0.625 };

/**
 * Measures what receipts under a pause cost in DynamoDB: sweeps in virtual time over DynamoDB Local, which reports the units
 * of each call. For a scan of the index it counts whole receipts instead of their keys, so the figure is an upper limit. The
 * sweeps' own computing time is left out, because they run with and without a pause. Returns a table.
 */
export async function pausedBacklog(receipts: number): Promise<string> {
  const engine = await startDynamodbLocal();
  const client = new DynamoDBClient(emulatedPatiently(engine.endpoint));
  try {
    const tables = { receipts: `receipts-${randomUUID()}`, identifiers: `identifiers-${randomUUID()}` };
    await createTables(client, tables);
    await storeBacklog(client, tables, receipts);
    const units = countUnits(client);
    const { unclaimed, seconds } = await sweepPaused(client, tables, units);
    const day = (kind: 'read' | 'write') => (units[kind] * minutesOfDay) / sweeps;
    const cost = (day('read') * dollars.read + day('write') * dollars.write) / 1e6;
    const name = `${receipts.toLocaleString('en')} receipts under a pause: AWS cost a day`;
    return markdown([
      [
        '',
        'dollars',
        'read units a day',
        'write units a day',
        'seconds for a sweep',
        'paused, of 100 that are counted',
      ],
      [name, cost.toFixed(2), ...[day('read'), day('write')].map(String), seconds.toFixed(2), String(unclaimed)],
    ]);
  } finally {
    client.destroy();
    await engine.stop();
  }
}

/** Stores open receipts as their acceptance does: they came within an hour, and all are due. */
async function storeBacklog(client: DynamoDBClient, tables: TableNames, count: number): Promise<void> {
  const batches = Array.from({ length: Math.ceil(count / 25) }, (_, batch) =>
    Array.from({ length: Math.min(25, count - batch * 25) }, (_one, at) => receiptOf(batch * 25 + at, count)),
  );
  const write = async () => {
    for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
      const requests = batch.flatMap(one => {
        const Item = acceptActions(tables, one, noPersonalData, randomUUID())[0]?.Put?.Item;
        return Item === undefined ? [] : [{ PutRequest: { Item } }];
      });
      await client.send(new BatchWriteItemCommand({ RequestItems: { [tables.receipts]: requests } }));
    }
  };
  await Promise.all(Array.from({ length: 8 }, write));
}

const noPersonalData = { reference: '', scope: '', identifiers: [], callbacks: [], pins: {} };

function receiptOf(index: number, count: number): Receipt {
  const at = start - 2 * 60 * minute + Math.floor((60 * minute * index) / count);
  const hmac = (name: string) => `${name}${index}`.padEnd(43, 'x');
  const facts = {
    ...{ id: hmac('receipt'), platform: 'ketch', payloadHmac: hmac('payload'), subjectHmacs: [hmac('subject')] },
    authentication: { scheme: 'shared-secret', secret: 'current' },
    ...{ lookUpCalls: 1, receivedAt: at, submittedAt: at, hasCallbacks: true },
  };
  return createReceipt(facts, ['main'], { attemptAt: at + 15_000, attemptFollows: true });
}

/** Adds up the units that DynamoDB reports for each further call of the client. */
function countUnits(client: DynamoDBClient): { read: number; write: number } {
  const units = { read: 0, write: 0 };
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async args => {
        const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } });
        const { ConsumedCapacity = [] } = result.output as { ConsumedCapacity?: Consumed | readonly Consumed[] };
        const kind = /^(BatchGet|Get|Query|Scan)/.test(commandName) ? 'read' : 'write';
        for (const { CapacityUnits = 0 } of [ConsumedCapacity].flat()) units[kind] += CapacityUnits;
        return result;
      },
    { step: 'initialize' },
  );
  return units;
}

interface Consumed {
  readonly CapacityUnits?: number;
}

async function sweepPaused(client: DynamoDBClient, tables: TableNames, units: { read: number; write: number }) {
  const clock = { now: start };
  const { ports } = forbiddenAdapters();
  const control = dynamodbControl(client, tables.receipts, { callMs: minute });
  const services = createServices({
    ...ports,
    settings: parseSettings(settingsText(), 'local'),
    store: dynamodbStore(client, tables, { callMs: minute }),
    control,
    now: () => clock.now,
    random: () => 0.5,
    wait: async () => undefined,
    log: () => undefined,
  });
  await pause('platform:ketch', { actor: 'bench', reason: 'a flood', at: start }, control);
  Object.assign(units, { read: 0, write: 0 });
  console.error('stored; sweeping');
  const began = performance.now();
  let unclaimed = 0;
  for (let count = 0; count < sweeps; count += 1) {
    ({ unclaimed } = await sweep(services, clock.now + 59_500));
    console.error(`sweep ${count + 1} of ${sweeps}: ${units.read} read units, ${units.write} write units`);
    clock.now += minute;
  }
  return { unclaimed, seconds: (performance.now() - began) / 1000 / sweeps };
}
