import * as v from 'valibot';
import { type Quota, type Rhythm, rhythmOf } from './rhythm.ts';

/**
 * The pace of one project, pure. The quota is the shop's checkout's: at most a share of it is ever used. One row holds
 * the limiter (`notBefore`), and what closes the project for everybody (`closed`). Times are epoch milliseconds.
 */
const paceSchema = v.looseObject({
  /** When the last reserved call is paid for: calls reserved ahead move it into the future. */
  notBefore: v.number(),
  /** Too little is left of the limit for the shop itself: no call before this. */
  restUntil: v.exactOptional(v.number()),
  closed: v.exactOptional(
    v.looseObject({
      until: v.number(),
      /** When it was last closed: an answer to a call that is older says nothing new. */
      since: v.optional(v.number(), 0),
      code: v.string(),
      /** How often it was closed in a row: the step of the backoff. */
      times: v.number(),
      /** Hash of the refused key: another key opens the project at once. */
      keyHash: v.exactOptional(v.string()),
    }),
  ),
  /** What Voucherify's headers say of the limit; settings are only believed until then. */
  limit: v.exactOptional(v.number()),
  periodMs: v.exactOptional(v.number()),
  /** Failures in a row, and the receipts that met the first and the last of them. */
  failures: v.exactOptional(v.looseObject({ count: v.number(), receipts: v.array(v.string()) })),
});

export type Pace = v.InferOutput<typeof paceSchema>;

/** A project that was never called. */
export const untouched: Pace = { notBefore: 0 };

/** A row as it was stored; `undefined` when it cannot be read, and then no call may go out. */
export function paceOrUndefined(value: unknown): Pace | undefined {
  const parsed = v.safeParse(paceSchema, value);
  return parsed.success ? parsed.output : undefined;
}

export interface Wish {
  /** At most the rhythm's burst. */
  readonly calls: number;
  /** A fresh request may use the burst; the sweep waits until everything before it is paid for. */
  readonly fresh: boolean;
  readonly keyHash: string;
  readonly now: number;
  /** Latest time at which the first of the calls is still of use. */
  readonly latest: number;
}

export type Reservation =
  | {
      readonly kind: 'reserved';
      readonly at: number;
      readonly calls: number;
      /** The one call that finds out whether a closed project is well again. */
      readonly probe: boolean;
      readonly rhythm: Rhythm;
      readonly next: Pace;
    }
  | { readonly kind: 'held'; readonly until: number; readonly code: string };

/** A place for some calls, or how long nobody may call. A closed project lets one probe through each time. */
export function reserve(pace: Pace, wish: Wish, quota: Quota): Reservation {
  const closed = closedTo(pace, wish.keyHash);
  if (closed === undefined) {
    const { closed: _, ...open } = pace;
    return place(open, wish, quota);
  }
  if (closed.until > wish.now) return { kind: 'held', until: closed.until, code: closed.code };
  const probe = place(pace, { ...wish, calls: 1 }, quota);
  if (probe.kind === 'held') return probe;
  return { ...probe, probe: true, next: { ...probe.next, closed: { ...closed, until: probe.at + stepMs(closed) } } };
}

/** What closes the project to this key: a refused key closes it to nobody but itself. */
export function closedTo({ closed }: Pace, keyHash: string): Pace['closed'] {
  return closed?.keyHash !== undefined && closed.keyHash !== keyHash ? undefined : closed;
}

function place(pace: Pace, { calls, fresh, now, latest }: Wish, quota: Quota): Reservation {
  const rhythm = rhythmOf(pace, quota);
  const { intervalMs, burst } = rhythm;
  const credit = fresh ? Math.max(0, burst - calls) * intervalMs : 0;
  const at = Math.max(now, pace.notBefore - credit, pace.restUntil ?? 0);
  if (at > latest) return { kind: 'held', until: at, code: 'paced' };
  const next = { ...pace, notBefore: Math.max(pace.notBefore, at) + calls * intervalMs };
  return { kind: 'reserved', at, calls, probe: false, rhythm, next };
}

/** Until when the next of the calls that are left of a reservation may go out; later it is one too many. */
export function goodUntil({ rhythm, next }: Extract<Reservation, { kind: 'reserved' }>, left: number): number {
  return next.notBefore - left * rhythm.intervalMs + rhythm.lateMs;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

type Closed = NonNullable<Pace['closed']>;

/** How long a closed project stays closed after the next probe. */
function stepMs({ code, times }: Pick<Closed, 'code' | 'times'>): number {
  switch (code) {
    case 'voucherify-429':
      return Math.min(15 * minute, minute * 2 ** times);
    case 'quota-exhausted':
      return hour;
    case 'key-refused':
      return minute;
    default:
      return Math.min(minute, 10 * second * 2 ** times);
  }
}

export interface Closing {
  readonly code: string;
  readonly now: number;
  /** When the call went out that was answered so. */
  readonly sentAt: number;
  readonly until?: number | undefined;
  /** Closes it to this key only. */
  readonly keyHash?: string | undefined;
}

/**
 * Closes the project for everybody; when its probe is refused for the same reason, for longer. A call that was under way
 * when it was closed can only keep it closed, not make the next step longer.
 */
export function closedFor(pace: Pace, { code, now, sentAt, until, keyHash }: Closing): Pace {
  const { closed } = pace;
  const older = closed !== undefined && sentAt < closed.since;
  const times = closed?.code === code ? closed.times + (older ? 0 : 1) : 0;
  const end = until ?? now + stepMs({ code, times });
  if (older && end <= closed.until) return pace;
  const key = keyHash === undefined ? {} : { keyHash };
  return { ...pace, closed: { code, times, until: end, since: now, ...key } };
}
