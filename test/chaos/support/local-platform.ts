import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import * as v from 'valibot';
import { localKetchSecret } from '../../../infra/local/embedded-secrets.ts';
import { closeServer, listenOnLoopback } from '../../e2e/support/listen.ts';
import { jsonOrUndefined } from '../../support/event.ts';
import { statusEvent } from './platform.ts';
import { bodyOf } from './platform-requests.ts';
import type { TestRequest } from './requests.ts';

/** A platform that calls a local run over HTTP, and retries until it gets a 2xx reply. */
export interface LocalPlatform {
  /** Settles when every request got a 2xx reply. */
  sendAll(requests: readonly TestRequest[], atOnce: number): Promise<void>;
  /** Returns the number of deliveries in progress. */
  inFlight(): number;
  readonly deliveries: () => number;
  /** Requests that got "in progress". */
  readonly gotInProgress: ReadonlySet<string>;
}

const answer = v.object({ response: v.object({ status: v.picklist(['completed', 'in_progress']) }) });

/** Returns a platform; `url` returns the address of the current run, `callbacks` is the origin of its callbacks. */
export function localPlatform(url: () => string, callbacks: string): LocalPlatform {
  const gotInProgress = new Set<string>();
  let [inFlight, deliveries] = [0, 0];
  const deliver = async (request: TestRequest): Promise<boolean> => {
    inFlight += 1;
    deliveries += 1;
    const response = await post(url(), request, callbacks);
    inFlight -= 1;
    if (response === undefined || response.status >= 500) return false;
    if (response.status !== 200) throw new Error(`reply ${response.status}: ${response.text}`);
    const { status } = v.parse(answer, jsonOrUndefined(response.text)).response;
    if (status === 'in_progress') gotInProgress.add(request.uid);
    return true;
  };
  const sendAll = async (requests: readonly TestRequest[], atOnce: number) => {
    const left = [...requests];
    const worker = async () => {
      for (let request = left.shift(); request !== undefined; request = left.shift()) {
        if (await deliver(request)) continue;
        left.push(request);
        await setTimeout(20);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  };
  return { sendAll, inFlight: () => inFlight, deliveries: () => deliveries, gotInProgress };
}

/** Delivers a request; returns `undefined` without a reply, for example when the process was killed. */
async function post(url: string, request: TestRequest, callbacks: string) {
  try {
    const headers = { 'Content-Type': 'application/json', Authorization: localKetchSecret };
    const body = JSON.stringify(bodyOf(request, callbacks));
    const response = await fetch(`${url}/webhooks/ketch`, { method: 'POST', headers, body });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}

/** A platform's callback server on loopback. */
export interface CallbackServer {
  readonly origin: string;
  /** The distinct callback texts of each request, by its uid. */
  readonly received: ReadonlyMap<string, ReadonlySet<string>>;
  close(): Promise<void>;
}

export async function serveCallbacks(): Promise<CallbackServer> {
  const received = new Map<string, Set<string>>();
  const record = (body: string) => {
    const { metadata, event: one } = v.parse(statusEvent, jsonOrUndefined(body));
    received.set(metadata.uid, (received.get(metadata.uid) ?? new Set()).add(`${one.status}/${one.reason}`));
  };
  const server = createServer((request, response) => {
    void text(request).then(body => {
      record(body);
      response.writeHead(200).end();
    });
  });
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  return { origin, received, close: () => closeServer(server) };
}
