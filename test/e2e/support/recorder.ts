import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { closeServer, listenOnLoopback } from './listen.ts';

/** One call of a function. `began` and `ended` are event numbers, not times. */
export interface TimedCall {
  readonly to: 'aws' | 'voucherify';
  readonly operation: string;
  readonly began: number;
  readonly ended: number;
}

/** The order of calls and of their responses. */
export interface Timeline {
  /** Records the start of a call; the returned function records its end. */
  begin(to: TimedCall['to'], operation: string): () => void;
  /** Returns the number of the next event. */
  now(): number;
  /** Returns the completed calls that began at this event or later. */
  since(event: number): readonly TimedCall[];
}

/** Returns an empty timeline. */
export function timeline(): Timeline {
  const calls: TimedCall[] = [];
  let events = 0;
  return {
    begin: (to, operation) => {
      events += 1;
      const began = events;
      return () => {
        events += 1;
        calls.push({ to, operation, began, ended: events });
      };
    },
    now: () => events + 1,
    since: event => calls.filter(({ began }) => began >= event).toSorted((a, b) => a.began - b.began),
  };
}

/** Returns the calls that ended before the first call to Voucherify began. */
export function beforeVoucherify(calls: readonly TimedCall[], all: readonly TimedCall[]): readonly TimedCall[] {
  const first = all.find(({ to }) => to === 'voucherify')?.began ?? Number.POSITIVE_INFINITY;
  return calls.filter(({ ended }) => ended < first);
}

/** Returns the length of the longest chain of calls, each of which began after the previous one ended. */
export function longestChain(calls: readonly TimedCall[]): number {
  let length = 0;
  let end = 0;
  for (const { began, ended } of calls.toSorted((a, b) => a.ended - b.ended)) {
    if (began <= end) continue;
    length += 1;
    end = ended;
  }
  return length;
}

/** Returns a summary such as `3 PutItem, 1 UpdateItem`. */
export function tally(calls: readonly TimedCall[]): string {
  const counts = new Map<string, number>();
  for (const { operation } of calls) counts.set(operation, (counts.get(operation) ?? 0) + 1);
  return [...counts].map(([operation, count]) => `${count} ${operation}`).join(', ');
}

/** A proxy in front of an AWS emulator that records every call. */
export interface Recorder {
  readonly endpoint: string;
  /** Delay of every response in milliseconds: concurrent calls then overlap, so the others are sequential. */
  latencyMs: number;
  /** Holds back the responses of one operation; one operation at a time. */
  hold(operation: string): HeldResponses;
  /**
   * Resets each connection that exists now when it is used again, as a NAT gateway does after a long freeze. Returns
   * their number.
   */
  forgetConnections(): number;
  close(): Promise<void>;
}

export interface HeldResponses {
  /** Resolves when the first such call has arrived. */
  readonly begun: Promise<void>;
  /** Sends the held responses; later ones are not held. */
  release(): void;
}

interface Hold {
  readonly operation: string;
  readonly begun: PromiseWithResolvers<void>;
  readonly released: PromiseWithResolvers<void>;
}

/** Starts a recorder on loopback. */
export async function startRecorder(target: string, timeline: Timeline): Promise<Recorder> {
  const agent = new Agent({ keepAlive: true });
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, outgoing) => void exchange(incoming, outgoing));
  const endpoint = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  const connections = new Set<Socket>();
  const forgotten = new Set<Socket>();
  let current: Hold | undefined;
  const recorder = {
    endpoint,
    latencyMs: 0,
    hold: (operation: string) => {
      const begun = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      current = { operation, begun, released };
      const release = () => {
        current = undefined;
        released.resolve();
      };
      return { begun: begun.promise, release };
    },
    forgetConnections: () => {
      for (const socket of connections) forgotten.add(socket);
      return connections.size;
    },
    close: async () => {
      agent.destroy();
      await closeServer(server);
    },
  };

  server.on('connection', socket => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });

  async function exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (forgotten.has(incoming.socket)) {
      incoming.socket.resetAndDestroy();
      return;
    }
    const operation = operationOf(incoming);
    const ended = timeline.begin('aws', operation);
    try {
      const response = await forwarded(incoming, await buffer(incoming));
      const body = await buffer(response);
      if (recorder.latencyMs > 0) await setTimeout(recorder.latencyMs);
      await passed(operation);
      ended();
      // The emulator closes its connections after each response; AWS keeps them open.
      const { connection: _, ...headers } = response.headers;
      outgoing.writeHead(Number(response.statusCode), headers).end(body);
    } catch {
      ended();
      outgoing.destroy();
    }
  }

  async function passed(operation: string): Promise<void> {
    if (current?.operation !== operation) return;
    current.begun.resolve();
    await current.released.promise;
  }

  function forwarded({ method, url, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const passedOn = { agent, method: String(method), headers };
      request(new URL(String(url), target), passedOn, resolve)
        .on('error', reject)
        .end(body);
    });
  }

  return recorder;
}

/** Returns the operation's name, the end of a target such as `DynamoDB_20120810.PutItem`. */
function operationOf({ headers }: IncomingMessage): string {
  return String(headers['x-amz-target']).replace(/^.*\./, '');
}
