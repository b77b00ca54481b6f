import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { closeServer, listenOnLoopback } from './listen.ts';

/** Lambda's side of the Runtime API (Lambda Developer Guide, "Using the Lambda runtime API") for one function. */
export interface RuntimeApi {
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
export async function startRuntimeApi(name: string): Promise<RuntimeApi> {
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
