/** Refusals. Imports nothing. */

/** The one table of statuses: what is refused, and whose fault it is. */
export const statusOf = {
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
  | 'callback-origin-refused'
  | 'needs-human'
  | 'wrong-customer-deleted'
  | 'voucherify-refuses-the-key'
  | 'voucherify-quota-exhausted'
  | 'store-unavailable'
  | 'internal';

/** Seconds after which a caller that was answered 503 should come back. */
export const retryAfterSeconds = 60;

interface Details {
  readonly alarm?: Alarm;
  readonly verified?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
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

  constructor(code: FailureCode, message: string, details: Details = {}) {
    super(message);
    this.name = 'Failure';
    this.code = code;
    this.alarm = details.alarm;
    this.verified = details.verified ?? false;
    this.headers = code === 'unavailable' ? { 'Retry-After': String(retryAfterSeconds) } : (details.headers ?? {});
  }

  get status(): number {
    return statusOf[this.code];
  }

  /** The same refusal, thrown after the caller was proved genuine. */
  afterVerification(): Failure {
    const alarm = this.alarm === undefined ? {} : { alarm: this.alarm };
    return new Failure(this.code, this.message, { ...alarm, headers: this.headers, verified: true });
  }
}

/** Whatever was thrown, as a refusal; what is not one of ours is a 500 with nothing of it inside. */
export function failureOf(thrown: unknown): Failure {
  return thrown instanceof Failure ? thrown : new Failure('internal', 'internal error', { alarm: 'internal' });
}
