import * as v from 'valibot';
import type { Alarm } from '../failure.ts';
import { parseOrUndefined } from '../io/json.ts';
import type { Reply } from './client.ts';
import { rateHeaders } from './rate-headers.ts';

/** An answer that proved nothing. */
export type Trouble = {
  readonly code: string;
  /** Whether a deletion may have had its effect all the same. */
  readonly effect: 'none' | 'possible';
  /** Whether more calls of this attempt would only meet the same. */
  readonly stop: boolean;
  readonly alarm?: Alarm;
} & ({ readonly kind: 'later'; readonly notBefore?: number; readonly unproven?: boolean } | { readonly kind: 'human' });

type Later = Extract<Trouble, { kind: 'later' }>;
type Answer = Extract<Reply['result'], { kind: 'answer' }>;

const notFound = v.object({ key: v.literal('not_found'), resource_type: v.literal('customer') });

/**
 * Reads what every answer has in common: a 200 with JSON, Voucherify's own 404 for a customer, or trouble. Whether and
 * when to ask again is decided here and nowhere else (Voucherify docs, Errors and Limits).
 */
export function understood(reply: Reply, now: number): { kind: 'ok'; json: unknown } | { kind: 'not-found' } | Trouble {
  const { result } = reply;
  if (result.kind === 'held') return { ...later(result.code, 'none', result.until), stop: true };
  if (result.kind === 'no-keys') return { ...later('no-keys', 'none'), stop: true, alarm: 'secret-unusable' };
  if (result.kind === 'no-answer') return { ...later(result.code, result.effect), stop: result.effect === 'none' };
  const json = parseOrUndefined(result.body)?.value;
  if (result.status === 200) return json === undefined ? unproven('not-json') : { kind: 'ok', json };
  if (result.status === 404 && v.is(notFound, json)) return { kind: 'not-found' };
  return refused(result, now);
}

/** A 200 that proves nothing: nobody can tell what it did or left undone, so a person is told at once. */
export function unproven(code: string): Trouble {
  return { ...unclear(code), alarm: 'unproven-answer' };
}

/** An answer that is not Voucherify's as documented; a person looks when it keeps coming. */
function unclear(code: string): Later {
  return { ...later(code, 'possible'), unproven: true };
}

const minute = 60_000;
const hour = 3_600_000;

function refused(answer: Answer, now: number): Trouble {
  const code = `voucherify-${answer.status}`;
  switch (answer.status) {
    case 400:
    case 405:
    case 406:
    case 415:
    case 422:
      return { kind: 'human', code, effect: 'none', stop: true };
    case 401:
    case 403:
      return { ...later(code, 'none', now + minute), stop: true, alarm: 'voucherify-refuses-the-key' };
    case 402:
      return { ...later(code, 'none', now + hour), stop: true, alarm: 'voucherify-quota-exhausted' };
    case 429:
      return throttled(answer, now);
    default:
      return answer.status >= 500 ? later(code, 'possible') : unclear(code);
  }
}

function throttled({ headers }: Answer, now: number): Trouble {
  const { retryAt, exhausted } = rateHeaders(headers, now);
  if (!exhausted) return { ...later('voucherify-429', 'none', retryAt ?? now + minute), stop: true };
  return { ...later('voucherify-429', 'none', now + hour), stop: true, alarm: 'voucherify-quota-exhausted' };
}

function later(code: string, effect: 'none' | 'possible', notBefore?: number): Later {
  const trouble: Later = { kind: 'later', code, effect, stop: false };
  return notBefore === undefined ? trouble : { ...trouble, notBefore };
}
