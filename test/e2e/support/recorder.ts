import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { closed, listening } from './listen.ts';
import type { Timeline } from './timeline.ts';

/** A proxy before an emulator of AWS that notes every call. */
export interface Recorder {
  readonly endpoint: string;
  /**
   * How much later than the emulator's every answer comes, in milliseconds. Calls that are made side by side then
   * overlap for certain, as they would on a network, so that what is left is made one after the other.
   */
  latencyMs: number;
  /** Holds the answers of one operation back. One operation at a time. */
  hold(operation: string): Held;
  close(): Promise<void>;
}

export interface Held {
  /** Resolves when the first such call has come. */
  readonly begun: Promise<void>;
  /** Sends the answers that were held back; later ones come as usual. */
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
  const server = createServer((incoming, outgoing) => void exchange(incoming, outgoing));
  const endpoint = `http://127.0.0.1:${await listening(server)}`;
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
    close: async () => {
      agent.destroy();
      await closed(server);
    },
  };

  async function exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const operation = operationOf(incoming);
    const ended = timeline.begin('aws', operation);
    try {
      const answer = await forwarded(incoming, await buffer(incoming));
      const body = await buffer(answer);
      if (recorder.latencyMs > 0) await setTimeout(recorder.latencyMs);
      await passed(operation);
      ended();
      outgoing.writeHead(Number(answer.statusCode), answer.headers).end(body);
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

/** `DynamoDB_20120810.PutItem` and the like end with the operation's name. */
function operationOf({ headers }: IncomingMessage): string {
  return String(headers['x-amz-target']).replace(/^.*\./, '');
}
