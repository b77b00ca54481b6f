import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { AssembledFunction, Assembly } from './assembly.ts';
import { closeServer, listenOnLoopback } from './listen.ts';

/** Lambda's side of the Runtime API (Lambda Developer Guide, "Using the Lambda runtime API") for one function. */
interface RuntimeApi {
  /** Host and port. */
  readonly address: string;
  /** Resolves when the function requests its first invocation: its start is complete. */
  readonly ready: Promise<void>;
  /** Sends an event to the function; rejects if it fails, times out or has ended. */
  invoke(event: unknown, timeoutMs: number): Promise<unknown>;
  /** Rejects all open invocations, because the function has ended. */
  fail(error: Error): void;
  close(): Promise<void>;
}

interface Invocation {
  readonly id: string;
  readonly event: string;
  readonly deadline: number;
}

interface State {
  readonly name: string;
  readonly started: PromiseWithResolvers<void>;
  /** Events that no instance has requested yet, and requests for events that wait for one. */
  readonly waiting: Invocation[];
  readonly polls: ServerResponse[];
  /** The callbacks of each open invocation, by its id. */
  readonly open: Map<string, PromiseWithResolvers<unknown>>;
  gone?: Error;
}

/** Starts the API for a function of this name. */
async function startRuntimeApi(name: string): Promise<RuntimeApi> {
  const started = Promise.withResolvers<void>();
  started.promise.catch(() => undefined);
  const state: State = { name, started, waiting: [], polls: [], open: new Map() };
  const server = createServer((request, response) => void answer(request, response, state));
  return {
    address: `127.0.0.1:${await listenOnLoopback(server)}`,
    ready: started.promise,
    fail: error => fail(error, state),
    invoke: (event, timeoutMs) => invoke(event, timeoutMs, state),
    close: async () => {
      fail(new Error('the Runtime API is closed'), state);
      await closeServer(server);
    },
  };
}

async function invoke(event: unknown, timeoutMs: number, state: State): Promise<unknown> {
  if (state.gone !== undefined) throw state.gone;
  const id = randomUUID();
  const end = Promise.withResolvers<unknown>();
  const late = () => end.reject(new Error(`${state.name} did not respond within ${timeoutMs} ms`));
  const timer = setTimeout(late, timeoutMs);
  state.open.set(id, end);
  state.waiting.push({ id, event: JSON.stringify(event), deadline: Date.now() + timeoutMs });
  handOut(state);
  try {
    return await end.promise;
  } finally {
    clearTimeout(timer);
    state.open.delete(id);
  }
}

function fail(error: Error, state: State): void {
  state.gone ??= error;
  state.started.reject(state.gone);
  for (const end of state.open.values()) end.reject(state.gone);
}

const path = /\/runtime\/(?:(?<init>init\/error)|invocation\/(?:(?<next>next)|(?<id>[^/]+)\/(?<end>response|error)))$/;

async function answer(request: IncomingMessage, response: ServerResponse, state: State): Promise<void> {
  const { next, id = '', end, init } = path.exec(String(request.url))?.groups ?? {};
  if (next !== undefined) {
    state.started.resolve();
    state.polls.push(response);
    handOut(state);
    return;
  }
  const body = await text(request);
  if (init !== undefined) fail(new Error(`the function did not start: ${body}`), state);
  if (end === 'response') state.open.get(id)?.resolve(JSON.parse(body));
  if (end === 'error') state.open.get(id)?.reject(new Error(`the function failed: ${body}`));
  response.writeHead(202, { 'content-length': 0 }).end();
}

function handOut({ name, waiting, polls }: State): void {
  const [invocation] = waiting;
  const [poll] = polls;
  if (invocation === undefined || poll === undefined) return;
  waiting.shift();
  polls.shift();
  const headers = {
    'content-type': 'application/json',
    'lambda-runtime-aws-request-id': invocation.id,
    'lambda-runtime-deadline-ms': String(invocation.deadline),
    'lambda-runtime-invoked-function-arn': `arn:aws:lambda:eu-west-1:123456789012:function:${name}`,
    'lambda-runtime-trace-id': `Root=1-${'0'.repeat(8)}-${'0'.repeat(24)};Sampled=0`,
  };
  poll.writeHead(200, headers).end(invocation.event);
}

/** The configuration with which Lambda starts a function. */
export interface Start {
  readonly name: string;
  readonly handler: string;
  /** Folder of the bundle. */
  readonly bundle: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly logFormat: string;
  /** The environment variables of the template. */
  readonly variables: Readonly<Record<string, string>>;
  /** Additional variables for the emulator and the redirection. */
  readonly extraVariables: Readonly<Record<string, string>>;
  /** The file of the runtime interface client, and the module that Node loads before it. */
  readonly client: string;
  readonly preload: string;
}

/** One instance of a function: its own process on this Node version. */
export interface FunctionProcess {
  /** Time of its spawn, by `performance.now()`. */
  readonly spawnedAt: number;
  readonly pid: number | undefined;
  /** Resolves when its start is complete. */
  readonly ready: Promise<void>;
  /** Sends an event and returns the result; rejects if the function fails or times out. */
  invoke(event: unknown): Promise<unknown>;
  /** Freezes the process, as Lambda does between events; the clock continues. */
  freeze(): void;
  thaw(): void;
  /** Ends the process and returns its log. */
  stop(): Promise<string>;
}

/** Running processes; all are killed when this process exits. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts an instance. */
export async function startFunction(start: Start): Promise<FunctionProcess> {
  const api = await startRuntimeApi(start.name);
  const spawnedAt = performance.now();
  const child = spawn(process.execPath, ['--import', start.preload, start.client], {
    env: environment(start, api.address),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const log = Promise.all([text(child.stdout), text(child.stderr)]).then(services => services.join(''));
  const exited = new Promise<void>(resolve => child.once('close', () => resolve()));
  child.once('close', async () => {
    running.delete(child);
    api.fail(new Error(`${start.name} has ended: ${(await log).slice(-2000)}`));
  });
  return {
    spawnedAt,
    pid: child.pid,
    ready: api.ready,
    invoke: event => api.invoke(event, start.timeoutSeconds * 1000),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      await api.close();
      return log;
    },
  };
}

/** Returns only Lambda's own variables (Lambda Developer Guide, "Defined runtime environment variables"). */
function environment(start: Start, api: string): Record<string, string> {
  return {
    ...start.variables,
    ...start.extraVariables,
    _HANDLER: start.handler,
    LAMBDA_TASK_ROOT: start.bundle,
    AWS_LAMBDA_RUNTIME_API: api,
    AWS_LAMBDA_FUNCTION_NAME: start.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(start.memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_FORMAT: start.logFormat,
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${start.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    TZ: ':UTC',
  };
}

type Which = 'webhook' | 'sweeper';

/** Starts instances of the two functions. */
export interface Instances {
  /** Log lines of the instances that were stopped. */
  readonly logs: readonly string[];
  /** Starts an instance, optionally with its clock ahead. */
  start(which: Which, options?: { readonly aheadMs?: number }): Promise<FunctionProcess>;
}

type SharedOptions = Pick<Start, 'client' | 'preload' | 'extraVariables'> & {
  variablesOf(one: AssembledFunction): Readonly<Record<string, string>>;
};

/** Runs copies of the bundles, so that a synthesis during the run does not remove them. */
export function instancesOf(assembly: Assembly, folder: string, { variablesOf, ...shared }: SharedOptions): Instances {
  const logs: string[] = [];
  for (const which of ['webhook', 'sweeper'] as const) {
    cpSync(assembly[which].bundle, join(folder, which), { recursive: true });
  }
  const start: Instances['start'] = async (which, { aheadMs = 0 } = {}) => {
    const started = await startFunction({
      ...descriptionOf(assembly[which]),
      ...shared,
      bundle: join(folder, which),
      variables: variablesOf(assembly[which]),
      extraVariables: { ...shared.extraVariables, CLOCK_AHEAD_MS: String(aheadMs) },
    });
    const stop = async () => {
      const log = await started.stop();
      logs.push(...log.split('\n').filter(line => line !== ''));
      return log;
    };
    return { ...started, stop };
  };
  return { logs, start };
}

/** Returns a function's properties in the template, except its environment. */
export function descriptionOf({ properties }: AssembledFunction) {
  return {
    name: properties.FunctionName,
    handler: properties.Handler,
    timeoutSeconds: properties.Timeout,
    memoryMb: properties.MemorySize,
    logFormat: properties.LoggingConfig.LogFormat,
  };
}
