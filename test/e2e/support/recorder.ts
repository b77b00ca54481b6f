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
  close(): Promise<void>;
}

/** Starts a recorder on loopback. */
export async function startRecorder(target: string, timeline: Timeline): Promise<Recorder> {
  const agent = new Agent({ keepAlive: true });
  const server = createServer((incoming, outgoing) => void exchange(incoming, outgoing));
  const endpoint = `http://127.0.0.1:${await listening(server)}`;
  const recorder = {
    endpoint,
    latencyMs: 0,
    close: async () => {
      agent.destroy();
      await closed(server);
    },
  };

  async function exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const ended = timeline.begin('aws', operationOf(incoming));
    try {
      const answer = await forwarded(incoming, await buffer(incoming));
      const body = await buffer(answer);
      if (recorder.latencyMs > 0) await setTimeout(recorder.latencyMs);
      ended();
      outgoing.writeHead(Number(answer.statusCode), answer.headers).end(body);
    } catch {
      ended();
      outgoing.destroy();
    }
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
