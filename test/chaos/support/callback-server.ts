import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { jsonOrUndefined } from '../../support/event.ts';

/** A platform's callback address on this machine. */
export interface CallbackServer {
  readonly origin: string;
  /** What each request was told, by its uid: each different text once. */
  readonly told: ReadonlyMap<string, ReadonlySet<string>>;
  close(): Promise<void>;
}

const event = v.object({
  metadata: v.object({ uid: v.string() }),
  event: v.object({ status: v.string(), reason: v.optional(v.string(), '') }),
});

export async function serveCallbacks(): Promise<CallbackServer> {
  const told = new Map<string, Set<string>>();
  const hear = (body: string) => {
    const { metadata, event: one } = v.parse(event, jsonOrUndefined(body));
    told.set(metadata.uid, (told.get(metadata.uid) ?? new Set()).add(`${one.status}/${one.reason}`));
  };
  const server = createServer((request, response) => {
    void text(request).then(body => {
      hear(body);
      response.writeHead(200).end();
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = v.parse(v.object({ port: v.number() }), server.address());
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { origin: `http://127.0.0.1:${address.port}`, told, close };
}
