import { setTimeout } from 'node:timers/promises';
import * as v from 'valibot';
import { localKetchSecret } from '../../../infra/local/embedded-secrets.ts';
import { jsonOrUndefined } from '../../support/event.ts';
import { bodyOf } from './ketch.ts';
import type { Ask } from './people.ts';

/** A platform that calls a local run over HTTP, and retries until it gets a 2xx reply. */
export interface LocalPlatform {
  /** Settles when every request was answered 2xx. */
  sendAll(asks: readonly Ask[], atOnce: number): Promise<void>;
  /** Deliveries that are under way. */
  underWay(): number;
  readonly deliveries: () => number;
  /** Requests that were told to wait for their callback. */
  readonly toldOpen: ReadonlySet<string>;
}

const answer = v.object({ response: v.object({ status: v.picklist(['completed', 'in_progress']) }) });

/** `url` is that of the run that lives at the moment; `callbacks` where its callbacks go. */
export function localPlatform(url: () => string, callbacks: string): LocalPlatform {
  const toldOpen = new Set<string>();
  let [underWay, deliveries] = [0, 0];
  const isContent = async (ask: Ask): Promise<boolean> => {
    underWay += 1;
    deliveries += 1;
    const response = await delivered(url(), ask, callbacks);
    underWay -= 1;
    if (response === undefined || response.status >= 500) return false;
    if (response.status !== 200) throw new Error(`answered ${response.status}: ${response.text}`);
    const { status } = v.parse(answer, jsonOrUndefined(response.text)).response;
    if (status === 'in_progress') toldOpen.add(ask.uid);
    return true;
  };
  const sendAll = async (asks: readonly Ask[], atOnce: number) => {
    const left = [...asks];
    const worker = async () => {
      for (let ask = left.shift(); ask !== undefined; ask = left.shift()) {
        if (await isContent(ask)) continue;
        left.push(ask);
        await setTimeout(20);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  };
  return { sendAll, underWay: () => underWay, deliveries: () => deliveries, toldOpen };
}

/** `undefined` when no answer came, as when the process was killed. */
async function delivered(url: string, ask: Ask, callbacks: string) {
  try {
    const headers = { 'Content-Type': 'application/json', Authorization: localKetchSecret };
    const body = JSON.stringify(bodyOf(ask, callbacks));
    const response = await fetch(`${url}/webhooks/ketch`, { method: 'POST', headers, body });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}
