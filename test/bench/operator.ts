import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { root } from '../e2e/support/assembly.ts';
import { closeServer, listenOnLoopback } from '../e2e/support/listen.ts';
import { markdown } from './statistics.ts';

/** Most receipts in a page of a scan: 1 MB of signed receipts and their look-up rows (API Reference, Scan). */
const pageReceipts = 340;

const commands = [
  ['report', '--from', '2026-01-01', '--to', '2026-12-31'],
  ['export', '--from', '2027-01-01', '--folder', '/tmp/erasure-bench-export'],
  ['list', '--closed', '--year', '2026', '--csv'],
  ['list', '--limit', '1000', '--json'],
];

/**
 * Measures commands of the operator's tool, each in its own process, against a table of so many closed and signed receipts
 * that exists only as a rule: this process makes each page when it is requested.
 */
export async function operator(receipts: number): Promise<string> {
  const server = createServer((request, response) => void answer(request, response, receipts));
  const endpoint = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  const rows: string[][] = [];
  for (const args of commands) {
    const { seconds, usage } = await run(args, endpoint);
    const cpu = (usage.userCPUTime + usage.systemCPUTime) / 1e6;
    rows.push([args.join(' '), seconds.toFixed(1), cpu.toFixed(1), (usage.maxRSS / 1024).toFixed(0)]);
  }
  await closeServer(server);
  const head = ['command', 'seconds', 'CPU, seconds', 'resident memory at most, MB'];
  return `${markdown([head, ...rows])}\n\n${receipts.toLocaleString('en')} closed receipts with their evidence`;
}

const resourceUsage = v.looseObject({ userCPUTime: v.number(), systemCPUTime: v.number(), maxRSS: v.number() });

/** Node writes what it used to file descriptor 3 when it ends. */
const atExit =
  "import { writeSync } from 'node:fs'; process.once('exit', () => writeSync(3, JSON.stringify(process.resourceUsage())));";

async function run(args: readonly string[], AWS_ENDPOINT_URL: string) {
  const began = performance.now();
  const preload = `data:text/javascript,${encodeURIComponent(atExit)}`;
  // The flag of `npm run ops`.
  const flags = ['--max-semi-space-size=2', '--import', preload];
  const child = spawn(process.execPath, [...flags, join(root, 'infra/ops/ops.ts'), ...args], {
    cwd: root,
    env: {
      ...process.env,
      AWS_ENDPOINT_URL,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
    },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const [, , , pipe] = child.stdio;
  if (pipe === null || pipe === undefined || !('read' in pipe)) throw new Error('no pipe');
  const ended = once(child, 'exit');
  const usage = v.parse(resourceUsage, JSON.parse(await text(pipe)));
  const [code] = await ended;
  if (code !== 0) throw new Error(`${args[0]} ended with exit code ${code}`);
  return { seconds: (performance.now() - began) / 1000, usage };
}

const call = v.looseObject({
  Segment: v.optional(v.number(), 0),
  TotalSegments: v.optional(v.number(), 1),
  Limit: v.optional(v.number(), pageReceipts),
  IndexName: v.optional(v.string()),
  ExclusiveStartKey: v.optional(v.looseObject({ pk: v.object({ S: v.string() }) })),
  Key: v.optional(v.looseObject({ pk: v.object({ S: v.string() }) })),
});

async function answer(request: IncomingMessage, response: ServerResponse, receipts: number): Promise<void> {
  const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
  const input = v.parse(call, JSON.parse(await text(request)));
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
  if (operation === 'Scan' && input.IndexName !== undefined) response.end('{"Items":[]}');
  else if (operation === 'Scan') response.end(scanned(input, receipts));
  else if (operation === 'Query') response.end(`{"Items":[${queried(Math.min(input.Limit, receipts))}]}`);
  else if (operation === 'GetItem')
    response.end(`{"Item":{"row":{"S":${rowOf(Number(input.Key?.pk.S.replace(/\D+/, '')))}}}}`);
  // No message was ignored.
  else if (operation === 'BatchGetItem') response.end('{"Responses":{}}');
  else response.end(JSON.stringify({ PublicKey: publicKey, KeyMetadata: {} }));
}

function scanned(
  { Segment, TotalSegments, Limit, ExclusiveStartKey }: v.InferOutput<typeof call>,
  all: number,
): string {
  const end = Math.floor(((Segment + 1) * all) / TotalSegments);
  const from =
    ExclusiveStartKey === undefined ? Math.floor((Segment * all) / TotalSegments) : Number(ExclusiveStartKey.pk.S);
  const to = Math.min(end, from + Math.min(Limit, pageReceipts));
  const items = Array.from({ length: to - from }, (_, at) => `{"row":{"S":${rowOf(from + at)}}}`);
  const next = to < end ? `,"LastEvaluatedKey":{"pk":{"S":"${to}"},"sk":{"S":"receipt"}}` : '';
  return `{"Items":[${items.join(',')}]${next}}`;
}

function queried(count: number): string {
  return Array.from({ length: count }, (_, at) => `{"pk":{"S":"receipt#${idOf(at)}"}}`).join(',');
}

const publicKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ format: 'der', type: 'spki' })
  .toString('base64');

function idOf(index: number): string {
  return String(index).padStart(43, 'r');
}

const received = 1_767_225_600_000;
const yearMs = 365 * 86_400_000;

/** A signed receipt of one person in one project as the row of its table, a JSON text, as JSON. */
const template = JSON.stringify(
  JSON.stringify({
    ...{ v: 1, id: '<id>', revision: 4, platform: 'ketch', reference: '5b0f3f5e-5b0c-4c7e-9a3b-0d9f1b9d8c11' },
    ...{ payloadHmac: 'p'.repeat(43), subjectHmacs: ['s'.repeat(43)], lookUpCalls: 1 },
    authentication: { scheme: 'shared-secret', secret: 'current' },
    ...{
      state: 'erased',
      receivedAt: '<received>',
      submittedAt: received,
      closedAt: '<closed>',
      expiresAt: 1_861_696_734,
    },
    ...{ hasCallbacks: false, repliedInProgress: false, firstReply: { at: received, as: 'outcome' } },
    ...{ claims: 1, unrecordedClaims: 0, unprovenCount: 0, lastResult: 'erased' },
    projects: {
      main: {
        ...{ state: 'erased', pins: 1, mayHaveExecuted: false },
        deletions: [
          {
            ...{ project: 'main', pin: 0, proof: 'deleted', at: received },
            received: {
              ...{ id: 'del_0123456789abcdef01234567', created_at: '2026-01-15T12:00:00.000Z', status: 'DONE' },
              ...{
                related_object: 'customer',
                object: 'pernament_deletion',
                data_json: { customer: 1, events: 1, orders: 0 },
              },
            },
          },
        ],
      },
    },
    evidence: 'e'.repeat(1620),
  }),
)
  .replace('\\"<received>\\"', '<received>')
  .replace('\\"<closed>\\"', '<closed>')
  .split(/<id>|<received>|<closed>/);

function rowOf(index: number): string {
  const [before, afterId, afterReceived, afterClosed] = template;
  const at = received + ((index * 7919) % yearMs);
  return `${before}${idOf(index)}${afterId}${at}${afterReceived}${at + index}${afterClosed}`;
}
