import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type AwsProblem, awsClientOptions, type Timeouts } from '../../lambda/aws/clients.ts';
import { closeServer, listenOnLoopback } from '../e2e/support/listen.ts';
import { emulated } from './moto.ts';

/** One call as an SDK client sent it: `GetItem`, `TransactWriteItems`, `GetSecretValue` … and its JSON. */
export interface AwsCall {
  readonly operation: string;
  readonly body: string;
  readonly request: IncomingMessage;
}

export type Answer = (call: AwsCall, response: ServerResponse) => void | Promise<void>;

export interface AwsEndpoint {
  readonly endpoint: string;
  readonly operations: readonly string[];
  answerWith(answer: Answer): void;
  stop(): Promise<void>;
}

/** A server on loopback that speaks for an AWS service as the script says. */
export async function startAwsEndpoint(first: Answer): Promise<AwsEndpoint> {
  let answer = first;
  const operations: string[] = [];
  // An idle connection stays open on a slow machine too.
  const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    const operation = String(request.headers['x-amz-target']).replace(/^.*\./u, '');
    operations.push(operation);
    await answer({ operation, body: await text(request), request }, response);
  });
  return {
    endpoint: `http://127.0.0.1:${await listenOnLoopback(server)}`,
    operations,
    answerWith: next => {
      answer = next;
    },
    stop: () => closeServer(server),
  };
}

/** For what must come, however slow the machine is. */
export const patient: Timeouts = { connectMs: 240_000, responseMs: 240_000, callMs: 240_000 };
/** For what never comes. */
export const quick: Timeouts = { connectMs: 60, responseMs: 60, callMs: 150 };

/** A client of DynamoDB whose endpoint answers as the script says, and the problems that its user logs. */
export async function scriptedDynamodb(answer: Answer, timeouts = patient) {
  const server = await startAwsEndpoint(answer);
  const client = dynamodbAt(server.endpoint, timeouts);
  const problems: AwsProblem[] = [];
  const close = async () => {
    client.destroy();
    await server.stop();
  };
  const options = { callMs: timeouts.callMs, log: (problem: AwsProblem) => void problems.push(problem) };
  return { client, options, problems, close, server };
}

export function dynamodbAt(endpoint: string, timeouts = patient): DynamoDBClient {
  return new DynamoDBClient({ ...awsClientOptions(timeouts), ...emulated(endpoint) });
}

/** No process listens there: a port that was free a moment ago. */
export async function deadEndpoint(): Promise<string> {
  const { endpoint, stop } = await startAwsEndpoint(() => {});
  await stop();
  return endpoint;
}

export function answers(status: number, body: unknown): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
  };
}

/** An error of AWS; its text repeats what was sent, as AWS's own sometimes do. */
export function refuses(status: number, type: string, more: object = {}): Answer {
  return (call, response) => answers(status, { __type: type, message: `about ${call.body}`, ...more })(call, response);
}

export const hangs: Answer = () => {};

/** Sends a byte now and then and never ends; `begun` is called with each. */
export const drips = (_: AwsCall, response: ServerResponse, begun: () => void = () => undefined): void => {
  response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
  const drip = setInterval(() => response.write(' ', begun), 10);
  response.once('close', () => clearInterval(drip));
};

/** Hands the call to another endpoint; gives its answer as text without passing it on. */
export async function forwarded(endpoint: string, { body, request }: AwsCall) {
  const names = ['x-amz-target', 'authorization', 'x-amz-date', 'content-type'];
  const headers = Object.fromEntries(names.map(name => [name, String(request.headers[name])]));
  const answer = await fetch(endpoint, { method: 'POST', headers, body });
  return { status: answer.status, body: await answer.text() };
}

export function passesTo(endpoint: string): Answer {
  return async (call, response) => {
    const answer = await forwarded(endpoint, call);
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(answer.body);
  };
}
