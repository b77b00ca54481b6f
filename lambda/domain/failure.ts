/** The HTTP status of each failure code. The only table of statuses. */
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

/** Alarm codes. They are also the names of metrics and of sections in the runbook. */
export type Alarm =
  | 'secret-unusable'
  | 'pepper-unusable'
  | 'payload-mismatch'
  | 'repeated-redaction'
  | 'request-rejected'
  | 'callback-origin-refused'
  | 'callbacks-dropped'
  | 'needs-review'
  | 'not-identifiable'
  | 'created-later'
  | 'wrong-customer-deleted'
  | 'voucherify-key-refused'
  | 'voucherify-quota-exhausted'
  | 'voucherify-unreachable'
  | 'platform-paused'
  | 'callback-abandoned'
  | 'platform-unreachable'
  | 'store-unavailable'
  | 'unproven-response'
  | 'evidence-unsigned'
  | 'erased-person-reappeared'
  | 'erased-person-still-present'
  | 'event-rejected'
  | 'internal';

/** Seconds after which a caller that got 503 should retry. */
export const retryAfterSeconds = 60;

interface Details {
  readonly alarm?: Alarm;
  readonly verified?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly origin?: string;
}

/**
 * A request that is rejected or cannot be served. The caller may see the message: it names the field or the rule, and
 * never contains an outside value.
 */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly alarm: Alarm | undefined;
  /** Whether the caller was authenticated when this was thrown. Until then, the reply must echo nothing of the body. */
  readonly verified: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** The position in our code, for an unexpected error. */
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

  /** Returns the same failure, marked as thrown after the caller was authenticated. */
  markVerified(): Failure {
    const { code, message, headers } = this;
    const alarm = this.alarm === undefined ? {} : { alarm: this.alarm };
    const origin = this.origin === undefined ? {} : { origin: this.origin };
    return new Failure(code, message, { ...alarm, ...origin, headers, verified: true });
  }
}

/** Converts anything thrown into a failure. An unexpected error becomes a 500 that contains only its position in our code. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  return new Failure('internal', 'internal error', { alarm: 'internal', origin: originOf(thrown) });
}

/** Returns file, line and column of the innermost frame, without the message, which may contain outside values. */
function originOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'unknown';
  const { stack = '', message } = thrown;
  const frames = stack.slice(stack.indexOf(message) + message.length);
  return /\/([\w-]+\.\w+:\d+:\d+)\)?$/m.exec(frames)?.[1] ?? 'unknown';
}
