import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTables } from '../../infra/local/emulator-services.ts';
import { hasJava, startDynamodbLocal } from '../support/dynamodb-local.ts';
import { emulatedPatiently } from '../support/moto.ts';
import type { AtOnce } from './at-once-loop.ts';
import type { BenchHarness } from './bench-harness.ts';
import { printedJson } from './measured-process.ts';
import { markdown, summary } from './statistics.ts';
import { bundledModule, type Subject } from './subjects.ts';

/** Instances of the bundle in one process, requests in flight in each, of these how many each, and before them. */
const situations = [
  { name: '50 in flight in one instance', numbers: [1, 50, 4, 1] },
  { name: '100 instances, one request each', numbers: [100, 1, 1, 0] },
];

/** Measures whole requests at once on DynamoDB Local, the subjects alternating. */
export async function atOnce(harness: BenchHarness, rounds: number): Promise<string> {
  if (!hasJava()) return 'requests at once: skipped, as there is no java for DynamoDB Local';
  const engine = await startDynamodbLocal();
  try {
    const file = bundledModule(import.meta.resolve('./at-once-loop.ts'), join(harness.folder, 'at-once'));
    const rows: (string | number)[][] = [];
    for (const { name, numbers } of situations)
      rows.push(...(await measure({ harness, endpoint: engine.endpoint, file, rounds }, name, numbers)));
    const head = [
      'requests at once',
      'subject',
      'a second',
      'CPU, ms each',
      'p50, ms',
      'most, ms',
      '200',
      '503',
      'other',
    ];
    return `${markdown([head, ...rows])}\n\n${rounds} rounds: medians, and the sums of the answers`;
  } finally {
    await engine.stop();
  }
}

interface Run {
  readonly harness: BenchHarness;
  readonly endpoint: string;
  readonly file: string;
  readonly rounds: number;
}

async function measure({ harness, endpoint, file, rounds }: Run, name: string, numbers: readonly number[]) {
  const subjects = harness.subjects.filter(subject => ['webhook', 'bare, SDK'].includes(subject.name));
  const measured = new Map<Subject, AtOnce[]>(subjects.map(subject => [subject, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [subject, of] of measured) {
      const tables = await newTables(endpoint);
      const args = [file, join(subject.folder, 'index.mjs'), ...numbers.map(String)];
      of.push(await printedJson<AtOnce>(harness, args, { ...tables, AWS_ENDPOINT_URL_DYNAMODB: endpoint }));
    }
  }
  return [...measured].map(([subject, of]) => [name, subject.name, ...cellsOf(of)]);
}

function cellsOf(of: readonly AtOnce[]): (string | number)[] {
  const median = (pick: (one: AtOnce) => number) => summary(of.map(pick)).median;
  const count = (accept: (status: string) => boolean) =>
    of
      .flatMap(({ statuses }) => Object.entries(statuses))
      .reduce((sum, [status, n]) => sum + (accept(status) ? n : 0), 0);
  const { median: p50, most } = summary(of.flatMap(({ ms }) => ms));
  return [
    median(({ ms, seconds }) => ms.length / seconds).toFixed(0),
    median(({ ms, cpuMs }) => cpuMs / ms.length).toFixed(1),
    p50.toFixed(0),
    most.toFixed(0),
    count(status => status === '200'),
    count(status => status === '503'),
    count(status => status !== '200' && status !== '503'),
  ];
}

async function newTables(endpoint: string) {
  const [receipts, identifiers] = [`receipts-${randomUUID()}`, `identifiers-${randomUUID()}`];
  const client = new DynamoDBClient(emulatedPatiently(endpoint));
  await createTables(client, { receipts, identifiers });
  client.destroy();
  return { RECEIPTS_TABLE: receipts, IDENTIFIERS_TABLE: identifiers };
}
