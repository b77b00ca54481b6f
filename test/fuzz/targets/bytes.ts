import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { type LocalGateway, serveGateway } from '../../../infra/local/gateway.ts';
import { webhookHandler } from '../../../lambda/webhook.ts';
import type { Answer } from '../../support/event.ts';
import { deleteRequest, ketchWire, tenant } from '../../support/ketch.ts';
import { brokenRules } from '../support/rules.ts';
import type { Target } from '../support/target.ts';
import { customersNamed, inWorld } from '../support/world.ts';

/** Pieces that change how HTTP is read. None is a secret or names a person. */
const pieces = [
  ...['\r\n', '\n', '\r', '\0', ' ', '\t', ':', '\u{e9}', '\u{ff}', '%2e%2e/', '//', '?x=1', '#', '\r\n\r\n', '\r\n '],
  ...['Content-Length: 5\r\n', 'Content-Length: -1\r\n', 'Content-Length: 99999999\r\n', 'Content-Encoding: gzip\r\n'],
  ...['Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n', 'ffffffff\r\n'],
  ...['Authorization: \r\n', 'Authorization: x\r\n', 'Host: a\r\n', 'Expect: 100-continue\r\n', 'Upgrade: h2c\r\n'],
  ...['GET /webhooks/none HTTP/1.1\r\nHost: a\r\n\r\n', 'POST http://x/ HTTP/1.0\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\n'],
] as const;

const inputs = fc.record({
  genuine: fc.boolean(),
  edits: fc.array(
    fc.record({ at: fc.nat(1200), removes: fc.constantFrom(0, 0, 1, 4), inserts: fc.constantFrom(...pieces) }),
    { maxLength: 4 },
  ),
  /** A header of so many letters is added. */
  padding: fc.constantFrom(0, 0, 0, 0, 20_000, 200_000),
  /** Where the bytes are split into two packets. */
  split: fc.nat(1200),
  /** Whether the connection is destroyed after the bytes, without waiting for the reply. */
  destroyed: fc.boolean(),
});

type Input = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

/** Bytes on a connection to the local run, which serves the same handler as Lambda. */
export const bytes: Target<Input> = {
  what: 'raw bytes on a connection to the local server, genuine and forged',
  inputs,
  check: input =>
    inWorld({}, async world => {
      const gateway = await serveGateway(
        webhookHandler(() => world.services),
        0,
      );
      const meant = customersNamed(['crm-10042'], world.sandbox.customers());
      try {
        const replies = await exchange(gateway, messageOf(input), input);
        const alive = await fetch(`${gateway.url}/webhooks/none`);
        await alive.text();
        const genuine = input.genuine ? undefined : false;
        const broken = await brokenRules(world, { genuine, meant, answers: replies });
        const unreadable = replies
          .filter(({ status }) => !Number.isInteger(status))
          .map(({ text }) => `reply: ${text}`);
        return [...broken, ...unreadable, ...(alive.status === 404 ? [] : [`afterwards ${alive.status}`])];
      } finally {
        await gateway.close();
      }
    }),
};

function messageOf({ genuine, edits, padding }: Input): Buffer {
  const subject = { email: 'ben@example.com' };
  const metadata = { uid: '3c7b8d7e-6a0e-4a57-9d8c-6d1c4c1f9a10', tenant };
  const wire = ketchWire(deleteRequest({ subject }, { metadata }), genuine ? {} : { Authorization: 'x'.repeat(34) });
  const lines = Object.entries(wire.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  const padded = padding === 0 ? '' : `X-Padding: ${'x'.repeat(padding)}\r\n`;
  const head = `POST ${wire.path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${padded}${lines.join('')}`;
  let text = `${head}Content-Length: ${wire.body.length}\r\n\r\n${String(wire.body)}`;
  for (const { at, removes, inserts } of edits) {
    const from = at % text.length;
    text = text.slice(0, from) + inserts + text.slice(from + removes);
  }
  return Buffer.from(text, 'latin1');
}

/** Sends the bytes, then ends the connection, and returns the replies. */
async function exchange({ url }: LocalGateway, sent: Buffer, { split, destroyed }: Input): Promise<Answer[]> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', chunk => chunks.push(chunk)).on('error', () => undefined);
  await once(socket, 'connect');
  const closed = new Promise<void>(resolve => socket.once('close', () => resolve()));
  socket.write(sent.subarray(0, split));
  if (destroyed) socket.write(sent.subarray(split), () => socket.destroy());
  else socket.end(sent.subarray(split));
  socket.once('end', () => socket.end());
  await closed;
  const text = Buffer.concat(chunks).toString('latin1');
  const starts = text === '' ? [] : [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)];
  return starts.map(([, status]) => ({ status: Number(status), headers: {}, text, json: undefined }));
}
