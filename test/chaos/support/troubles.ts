import type { HttpCall } from '../../../lambda/io/http-client.ts';
import { jsonOrUndefined } from '../../support/event.ts';
import type { Served } from './environment.ts';

/**
 * What Voucherify does with one customer or one identifier until it is mended. `deletion-404` and `deletion-404-once` deny
 * the deletion of a customer that look-ups still show. `rejected` and `unreadable` refuse the look-ups of a value. `large` and
 * `oversized` add 100 KiB and 5 MiB to what they return.
 */
export type Trouble = 'deletion-404' | 'deletion-404-once' | 'rejected' | 'unreadable' | 'large' | 'oversized';

export interface Troubles {
  /** Starts the trouble of a customer id, a source_id or an address. */
  begin(value: string, trouble: Trouble): void;
  end(value: string): void;
  /** Returns the response to a call, where `respond` returns the sandbox's own. */
  respond(call: HttpCall, respond: () => Served): Served;
}

export function newTroubles(): Troubles {
  const troubles = new Map<string, Trouble>();
  return {
    begin: (value, trouble) => troubles.set(value, trouble),
    end: value => troubles.delete(value),
    respond: (call, respond) => {
      const target = targetOf(call);
      const trouble = troubles.get(target);
      if (trouble === 'deletion-404-once' && call.method === 'POST') troubles.delete(target);
      return trouble === undefined ? respond() : responseIn(trouble, call, respond);
    },
  };
}

/** Returns the value that a call looks up, or the customer that it deletes. */
function targetOf({ url }: HttpCall): string {
  return url.searchParams.get('email') ?? decodeURIComponent(url.pathname.split('/')[3] ?? '');
}

function responseIn(trouble: Trouble, { method }: HttpCall, respond: () => Served): Served {
  const isLookUp = method === 'GET';
  switch (trouble) {
    case 'deletion-404':
    case 'deletion-404-once':
      return isLookUp ? respond() : answer(404, { code: 404, key: 'not_found', resource_type: 'customer' });
    case 'rejected':
      return isLookUp ? answer(400, { code: 400, key: 'invalid_query_params' }) : respond();
    case 'unreadable':
      return isLookUp ? answer(200, { object: 'customer', id: null, customers: [{ id: null }], total: 1 }) : respond();
    case 'large':
      return isLookUp ? withMetadata(respond(), 100 * 1024) : respond();
    case 'oversized':
      return isLookUp ? withMetadata(respond(), 5 * 1024 * 1024) : respond();
  }
}

function answer(status: number, body: object): Served {
  return { kind: 'response', status, headers: {}, body: JSON.stringify(body) };
}

/** Adds metadata of this many bytes to what a look-up found. */
function withMetadata(served: Served, bytes: number): Served {
  if (typeof served !== 'object' || served.status !== 200) return served;
  const body = jsonOrUndefined(served.body);
  return typeof body === 'object' ? answer(200, { ...body, metadata: { notes: 'x'.repeat(bytes) } }) : served;
}
