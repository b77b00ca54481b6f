/* Replaces the official runtime interface client where that one cannot be built: the same loop only. */
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';

const api = `http://${process.env['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime`;

function call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(`${api}${path}`, { method }, resolve).on('error', reject).end(JSON.stringify(body));
  });
}

async function post(path: string, body: unknown): Promise<void> {
  (await call('POST', path, body)).resume();
}

function errorBody(error: unknown): { errorType: string; errorMessage: string } {
  return error instanceof Error
    ? { errorType: error.name, errorMessage: error.message }
    : { errorType: 'Error', errorMessage: String(error) };
}

async function handlerOf(name: string): Promise<(event: unknown, context: unknown) => unknown> {
  const [file = '', exported = ''] = name.split('.');
  const module = await import(pathToFileURL(join(process.env['LAMBDA_TASK_ROOT'] ?? '', `${file}.mjs`)).href);
  return module[exported];
}

async function serveInvocations(handler: Awaited<ReturnType<typeof handlerOf>>): Promise<never> {
  for (;;) {
    const next = await call('GET', '/invocation/next');
    const { headers } = next;
    const id = String(headers['lambda-runtime-aws-request-id']);
    const deadline = Number(headers['lambda-runtime-deadline-ms']);
    const context = {
      awsRequestId: id,
      functionName: process.env['AWS_LAMBDA_FUNCTION_NAME'],
      invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
      memoryLimitInMB: process.env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'],
      getRemainingTimeInMillis: () => deadline - Date.now(),
    };
    try {
      const result = await handler(JSON.parse(await text(next)), context);
      await post(`/invocation/${id}/response`, result ?? null);
    } catch (error) {
      await post(`/invocation/${id}/error`, errorBody(error));
    }
  }
}

try {
  await serveInvocations(await handlerOf(process.env['_HANDLER'] ?? ''));
} catch (error) {
  await post('/init/error', errorBody(error));
  throw error;
}
