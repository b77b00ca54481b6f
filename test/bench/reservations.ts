import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTables } from '../../infra/local/emulator-services.ts';
import { dynamodbControl } from '../../lambda/aws/dynamodb-control.ts';
import { createRateLimiter, type RateLimiter } from '../../lambda/quota/rate-limiter.ts';
import { startDynamodbLocal } from '../support/dynamodb-local.ts';
import { emulatedPatiently } from '../support/moto.ts';
import { markdown } from './statistics.ts';

/** A limit that no run reaches: only the writes are measured. */
const quota = { share: 0.5, limit: 10_000_000, periodMs: 60_000 };
const budgetMs = 7000;

interface Result {
  readonly reserved: number;
  readonly refused: number;
}

/** Measures reservations of quota on DynamoDB Local: many at once in one process, and of many processes at once. */
export async function reservations(): Promise<string> {
  const engine = await startDynamodbLocal();
  try {
    const rows = [
      await measure(engine.endpoint, '50 in flight in one process, 2,000 reservations', 1, 50, 40),
      await measure(engine.endpoint, '100 processes at once, one reservation each', 100, 1, 1),
    ];
    return markdown([['reservations', 'a second', 'writes for each', 'refused, %'], ...rows]);
  } finally {
    await engine.stop();
  }
}

async function measure(endpoint: string, name: string, processes: number, inFlight: number, each: number) {
  const table = `receipts-${randomUUID()}`;
  const client = new DynamoDBClient(emulatedPatiently(endpoint));
  await createTables(client, { receipts: table, identifiers: `identifiers-${table}` });
  let calls = 0;
  client.middlewareStack.add(next => args => {
    calls += 1;
    return next(args);
  });
  const limiters = Array.from({ length: processes }, () =>
    createRateLimiter('main', quota, dynamodbControl(client, table, { callMs: 60_000 })),
  );
  // As in Lambda: the row exists, and each process read it while it started.
  for (const limiter of limiters.slice(0, 1)) await reserveInTurn(limiter, 1);
  await Promise.all(limiters.map(limiter => limiter.prefetch()));
  calls = 0;
  const started = performance.now();
  const workers = limiters.flatMap(limiter => Array.from({ length: inFlight }, () => reserveInTurn(limiter, each)));
  const results = await Promise.all(workers);
  const seconds = (performance.now() - started) / 1000;
  client.destroy();
  const sum = (pick: (one: Result) => number) => results.reduce((total, one) => total + pick(one), 0);
  const [reserved, refused] = [sum(one => one.reserved), sum(one => one.refused)];
  const all = reserved + refused;
  return [name, Math.round(all / seconds), (calls / all).toFixed(2), ((100 * refused) / all).toFixed(1)];
}

async function reserveInTurn(limiter: RateLimiter, times: number): Promise<Result> {
  let reserved = 0;
  for (let one = 0; one < times; one += 1) {
    const now = Date.now();
    const request = { expected: 2, together: 1, fresh: true, keyHash: 'key', now, latest: now + budgetMs };
    if ((await limiter.reserve(request)).kind === 'reserved') reserved += 1;
  }
  return { reserved, refused: times - reserved };
}
