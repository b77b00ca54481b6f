/** Refusals. Imports nothing. */

/** The one table of statuses: what is refused, and whose fault it is. */
const statusOf = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'too-large': 413,
  'unsupported-media-type': 415,
  internal: 500,
  unimplemented: 501,
  unavailable: 503,
} as const;

export type FailureCode = keyof typeof statusOf;

/** What a person is paged for; the words are the names of metrics and of sections in the runbook. */
export type Alarm =
  | 'secret-unusable'
  | 'pepper-unusable'
  | 'payload-mismatch'
  | 'repeated-redaction'
  | 'request-refused'
  | 'callback-origin-refused'
  | 'callbacks-dropped'
  | 'needs-review'
  | 'wrong-customer-deleted'
  | 'voucherify-key-refused'
  | 'voucherify-quota-exhausted'
  | 'platform-paused'
  | 'callback-abandoned'
  | 'store-unavailable'
  | 'unproven-response'
  | 'evidence-unsigned'
  | 'internal';

/** Seconds after which a caller that was answered 503 should come back. */
export const retryAfterSeconds = 60;

interface Details {
  readonly alarm?: Alarm;
  readonly verified?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly origin?: string;
}

/**
 * A refused request. The message may be shown to the caller: it names the field or the rule and never a value that came
 * from outside.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly alarm: Alarm | undefined;
  /** Whether the caller had been proved genuine when this was thrown; until then nothing of the body may be echoed. */
  readonly verified: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** Where in our code it arose, for a failure that nobody foresaw. */
  readonly origin: string | undefined;

  constructor(code: FailureCode, message: string, details: Details = {}) {
    super(message);
    this.name = 'Failure';
    this.code = code;
    this.alarm = details.alarm;
    this.verified = details.verified ?? false;
    this.origin = details.origin;
    this.headers = code === 'unavailable' ? { 'Retry-After': String(retryAfterSeconds) } : (details.headers ?? {});
  }

  get status(): number {
    return statusOf[this.code];
  }

  /** The same refusal, thrown after the caller was proved genuine. */
  afterVerification(): Failure {
    const { code, message, headers } = this;
    const alarm = this.alarm === undefined ? {} : { alarm: this.alarm };
    const origin = this.origin === undefined ? {} : { origin: this.origin };
    return new Failure(code, message, { ...alarm, ...origin, headers, verified: true });
  }
}

/** Whatever was thrown, as a refusal; what is not one of ours is a 500 that says only where in our code it arose. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  return new Failure('internal', 'internal error', { alarm: 'internal', origin: originOf(thrown) });
}

/** File, line and column of the innermost frame; the error's message may hold what came from outside, and is cut off. */
function originOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'unknown';
  const { stack = '', message } = thrown;
  const frames = stack.slice(stack.indexOf(message) + message.length);
  return /\/([\w-]+\.\w+:\d+:\d+)\)?$/m.exec(frames)?.[1] ?? 'unknown';
}
