import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { closed, listening } from './listen.ts';

/** Lambda's side of the Runtime API (Lambda Developer Guide, "Using the Lambda runtime API") for one function. */
export interface RuntimeApi {
  /** Host and port. */
  readonly address: string;
  /** Resolves when the function asks for its first invocation, so when its start is over. */
  readonly ready: Promise<void>;
  /** Hands an event to the function; rejects when it fails, gives no answer in time, or has gone. */
  invoke(event: unknown, timeoutMs: number): Promise<unknown>;
  /** Says that the function is gone: what was not answered never will be. */
  fail(error: Error): void;
  close(): Promise<void>;
}

interface Invocation {
  readonly id: string;
  readonly event: string;
  readonly deadline: number;
  readonly arn: string;
}

interface Settled {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const path = /^\/2018-06-01\/runtime\/(?:invocation\/(?<next>next)|invocation\/(?<id>[^/]+)\/(?<end>response|error)|(?<init>init\/error))$/;

/** Starts the API for a function of this name. */
export async function startRuntimeApi(name: string): Promise<RuntimeApi> {
  const waiting: Invocation[] = [];
  const open = new Map<string, Settled>();
  const polls: ServerResponse[] = [];
  const started = Promise.withResolvers<void>();
  let gone: Error | undefined;
  started.promise.catch(() => undefined);
  const fail = (error: Error) => {
    gone ??= error;
    started.reject(gone);
    for (const one of open.values()) one.reject(gone);
    open.clear();
  };
  const handOut = () => {
    for (let poll = polls[0]; poll !== undefined && waiting.length > 0; poll = polls[0]) {
      polls.shift();
      give(waiting.shift(), poll);
    }
  };
  const server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { next, id, end, init } = path.exec(String(request.url))?.groups ?? {};
    if (next !== undefined) {
      started.resolve();
      polls.push(response);
      response.once('close', () => polls.includes(response) && polls.splice(polls.indexOf(response), 1));
      handOut();
      return;
    }
    const body = await text(request);
    if (init !== undefined) fail(new Error(`the function did not start: ${body}`));
    settle(id, end, body);
    response.writeHead(id === undefined && init === undefined ? 404 : 202, { 'content-length': 0 }).end();
  }

  function settle(id: string | undefined, end: string | undefined, body: string): void {
    const settled = open.get(id ?? '');
    if (end === 'response') settled?.resolve(JSON.parse(body));
    else settled?.reject(new Error(`the function failed: ${body}`));
    open.delete(id ?? '');
  }

  const address = `127.0.0.1:${await listening(server)}`;
  return {
    address,
    ready: started.promise,
    fail,
    invoke: (event, timeoutMs) =>
      new Promise((resolve, reject) => {
        if (gone !== undefined) throw gone;
        const id = randomUUID();
        const late = setTimeout(() => settled.reject(new Error(`${name} gave no answer in ${timeoutMs} ms`)), timeoutMs);
        const settled: Settled = {
          resolve: value => [clearTimeout(late), resolve(value)],
          reject: error => [clearTimeout(late), reject(error)],
        };
        open.set(id, settled);
        const arn = `arn:aws:lambda:eu-west-1:123456789012:function:${name}`;
        waiting.push({ id, event: JSON.stringify(event), deadline: Date.now() + timeoutMs, arn });
        handOut();
      }),
    close: async () => {
      fail(new Error('the Runtime API is closed'));
      await closed(server);
    },
  };
}

function give(invocation: Invocation | undefined, poll: ServerResponse): void {
  if (invocation === undefined) return;
  const { id, event, deadline, arn } = invocation;
  const headers = {
    'content-type': 'application/json',
    'lambda-runtime-aws-request-id': id,
    'lambda-runtime-deadline-ms': String(deadline),
    'lambda-runtime-invoked-function-arn': arn,
    'lambda-runtime-trace-id': `Root=1-${'0'.repeat(8)}-${'0'.repeat(24)};Sampled=0`,
  };
  poll.writeHead(200, headers).end(event);
}
