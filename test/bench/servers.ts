/* A separate process that simulates AWS and Voucherify, the same for every measured subject. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { json } from 'node:stream/consumers';
import * as v from 'valibot';
import { openSandbox, type Sandbox } from '../../infra/local/sandbox/sandbox.ts';
import { serveSandbox } from '../../infra/local/sandbox/server.ts';
import { listenOnLoopback } from '../e2e/support/listen.ts';
import { startTlsFront } from '../e2e/support/servers.ts';
import { type Answered, openMemoryTables } from './memory-table.ts';

/** The messages of this process to its parent. */
export type ServerMessage =
  | { readonly ports: { readonly aws: number; readonly voucherify: number } }
  | { readonly counts: Readonly<Record<string, number>> };

const key = { appId: 'app-of-the-bench-run', appToken: 'token-of-the-bench-run', project: 'main' };

const secrets: readonly (readonly [part: string, text: string])[] = [
  ['pepper', 'pepper-of-the-bench-run-that-is-long-enough-for-it'],
  ['platform', JSON.stringify({ current: 'Bearer shared-secret-of-the-e2e-run' })],
  ['voucherify', JSON.stringify({ appId: key.appId, appToken: key.appToken })],
];

const secretId = v.looseObject({ SecretId: v.string() });

const tables = openMemoryTables();

function answerTo(operation: string, input: unknown): Answered {
  if (operation !== 'GetSecretValue') return tables(operation, input);
  const { SecretId } = v.parse(secretId, input);
  const [, text] = secrets.find(([part]) => SecretId.includes(part)) ?? [];
  const body = { ARN: SecretId, Name: SecretId, SecretString: text, VersionId: '0'.repeat(32) };
  return { status: 200, body };
}

const counts: Record<string, number> = {};

function count(operation: string): void {
  counts[operation] = (counts[operation] ?? 0) + 1;
}

async function aws(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const operation = String(request.headers['x-amz-target']).replace(/^.*\./, '');
  count(operation);
  const { status, body } = answerTo(operation, await json(request));
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
}

/** Returns a customer for every source_id. */
function welcoming(sandbox: Sandbox): Sandbox {
  return {
    ...sandbox,
    respond: request => {
      count(`${request.method} Voucherify`);
      const sourceId = /^\/v1\/customers\/(crm-[\w-]+)$/.exec(request.target)?.[1];
      if (sourceId !== undefined) {
        sandbox.register({ source_id: sourceId, created_at: '2025-03-01T09:00:00.000Z' }, key.project);
      }
      return sandbox.respond(request);
    },
  };
}

function sendMessage(message: ServerMessage): void {
  process.send?.(message);
}

const [certificate = '', privateKey = ''] = [process.env['CERTIFICATE'], process.env['PRIVATE_KEY']];
const sandbox = openSandbox({
  now: Date.now,
  keys: [key],
  limit: { calls: Number(process.env['STATED_LIMIT']), periodSeconds: 60 },
});
const served = await serveSandbox(welcoming(sandbox), 0);
const front = await startTlsFront({ cert: certificate, key: privateKey, file: '' }, served.port);
// A busy machine may need long for a request and between two.
const tls = { cert: certificate, key: privateKey, requestTimeout: 0, keepAliveTimeout: 60_000 };
const port = await listenOnLoopback(createServer(tls, (request, response) => void aws(request, response)));
process.on('message', () => sendMessage({ counts }));
process.on('disconnect', () => process.exit());
sendMessage({ ports: { aws: port, voucherify: front.port } });
