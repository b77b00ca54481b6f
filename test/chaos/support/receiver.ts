import * as v from 'valibot';
import type { HttpCall } from '../../../lambda/io/http-client.ts';
import { jsonOrUndefined } from '../../support/event.ts';
import type { Outside, Served } from './outside.ts';
import type { Truth } from './truth.ts';

/** What one callback address of one request was told, each different text once, and how often in all. */
interface Told {
  readonly texts: ReadonlySet<string>;
  readonly times: number;
}

/** The platform's callback receiver. */
export interface Receiver {
  readonly port: Outside['callbacks'];
  /** By request and number of its callback. */
  told(uid: string, index: number): Told;
  /** From now on every callback is answered 503, or again 200. */
  down(isDown: boolean): void;
}

const event = v.object({
  kind: v.literal('DeleteStatusEvent'),
  metadata: v.object({ uid: v.string() }),
  event: v.object({ status: v.string(), reason: v.optional(v.string(), '') }),
});

export const callbackOrigin = 'https://dsr.ketch.com';

export function callbackTo(origin: string, index: number) {
  return { url: `${origin}/callbacks/${index}`, headers: { Authorization: `Bearer callback-${index}` } };
}

export function newReceiver(truth: Truth): Receiver {
  const heard = new Map<string, { texts: Set<string>; times: number }>();
  let isDown = false;
  const hear = (call: HttpCall) => {
    const parsed = v.safeParse(event, jsonOrUndefined(call.body ?? ''));
    if (!parsed.success) {
      truth.violated('a callback that is no DeleteStatusEvent');
      return;
    }
    const { metadata, event: told } = parsed.output;
    const index = call.url.pathname.split('/').at(-1) ?? '';
    if (call.headers['Authorization'] !== `Bearer callback-${index}`) truth.violated('wrong headers', metadata.uid);
    const key = `${metadata.uid} ${index}`;
    const known = heard.get(key) ?? { texts: new Set(), times: 0 };
    known.texts.add(`${told.status}/${told.reason}`);
    known.times += 1;
    heard.set(key, known);
    truth.note(metadata.uid, `callback ${index} hears ${told.status}/${told.reason}`);
  };
  const arrives = (call: HttpCall): Served => {
    if (!isDown) hear(call);
    return { kind: 'answer', status: isDown ? 503 : 200, headers: {}, body: '{}' };
  };
  return {
    port: { arrives },
    told: (uid, index) => heard.get(`${uid} ${index}`) ?? { texts: new Set(), times: 0 },
    down: next => {
      isDown = next;
    },
  };
}
