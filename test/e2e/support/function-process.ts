import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { startRuntimeApi } from './runtime-api.ts';

/** All that Lambda knows of a function when it starts one. */
export interface Start {
  readonly name: string;
  readonly handler: string;
  /** Folder of the bundle. */
  readonly bundle: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly logFormat: string;
  /** The environment that the template gives it. */
  readonly variables: Readonly<Record<string, string>>;
  /** What the emulator and the redirection need beside it. */
  readonly surroundings: Readonly<Record<string, string>>;
  /** The file of the runtime interface client, and what Node loads before it. */
  readonly client: string;
  readonly preload: string;
}

/** One instance of a function: a process of its own on this Node. */
export interface FunctionProcess {
  /** When it was spawned, by `performance.now()`. */
  readonly spawnedAt: number;
  /** Resolves when its start is over. */
  readonly ready: Promise<void>;
  /** Hands it an event and gives its answer; rejects when the function fails or does not answer in its time. */
  invoke(event: unknown): Promise<unknown>;
  /** Stops its processor, as Lambda does between events; time goes on. */
  freeze(): void;
  thaw(): void;
  /** Ends it and gives what it wrote to its log. */
  stop(): Promise<string>;
}

/** Processes that run now: none of them outlives this one. */
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

/** Lambda Developer Guide, "Defined runtime environment variables"; nothing of this process's own comes along. */
function environment(start: Start, api: string): Record<string, string> {
  return {
    ...start.variables,
    ...start.surroundings,
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
