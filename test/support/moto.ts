import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { awsClientOptions, patientTimeouts } from '../../lambda/aws/clients.ts';
import { findProgram } from './skipped.ts';

const startMs = 180_000;

/** Whether an independent AWS emulator is installed here; says so when it is not. */
export function motoIsHere(): boolean {
  return findProgram(['moto_server'], 'pip install "moto[server]"') !== undefined;
}

export interface Moto {
  readonly endpoint: string;
  /** Whether parallel transactions are isolated from each other. */
  readonly isolates: boolean;
  stop(): Promise<void>;
}

/** Starts moto_server on a free port; rejects with what it printed when it does not come up. */
export async function startMoto(): Promise<Moto> {
  const child = spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const { endpoint, stop } = await supervised(child, () => announced(child));
  return { endpoint, isolates: false, stop };
}

/** Waits until an emulator is ready at the endpoint that `ready` returns. It ends with this process, or if `ready` rejects. */
export async function supervised(child: ChildProcess, ready: () => Promise<string>): Promise<Omit<Moto, 'isolates'>> {
  const exited = new Promise<void>(resolve => child.once('close', () => resolve()));
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    process.off('exit', kill);
    kill();
    await exited;
  };
  try {
    return { endpoint: await ready(), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function announced(child: ChildProcess): Promise<string> {
  const printed: string[] = [];
  const late = setTimeout(() => child.kill('SIGKILL'), startMs);
  try {
    for await (const line of createInterface({ input: child.stderr! })) {
      printed.push(line);
      const endpoint = /Running on (http:\S+)/u.exec(line)?.[1];
      if (endpoint !== undefined) return endpoint;
    }
  } finally {
    clearTimeout(late);
    child.stderr!.resume();
  }
  throw new Error(`moto_server did not start: ${printed.join('\n')}`);
}

/** Options of a client against an emulator, independent of the AWS variables of this machine. */
export function emulated(endpoint: string) {
  return { endpoint, region: 'eu-west-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };
}

/** As {@link emulated}, with timeouts for a busy machine. */
export function emulatedPatiently(endpoint: string) {
  return { ...emulated(endpoint), ...awsClientOptions(patientTimeouts) };
}

/**
 * As {@link emulatedPatiently}, one request at a time: moto rolls a transaction back by restoring a copy of the whole table and
 * takes no lock, so parallel requests now and then undo each other, which DynamoDB never does. The calls of parallel
 * verbs still interleave.
 */
export function emulatedInTurn(endpoint: string) {
  const { requestHandler, ...options } = emulatedPatiently(endpoint);
  const httpAgent = { keepAlive: true, maxSockets: 1 };
  return { ...options, requestHandler: { ...requestHandler, httpAgent } };
}
