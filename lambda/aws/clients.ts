/** Milliseconds. */
export interface Timeouts {
  /** Until the TCP connection stands. */
  readonly connectMs: number;
  /** Until the headers of one answer, the connection included. */
  readonly answerMs: number;
  /** One call in all: both attempts, the pause between them, and the bodies of the answers. */
  readonly callMs: number;
}

/** A secret and then an acceptance, each at its worst, still fit into the five seconds some platforms wait. */
export const awsTimeouts: Timeouts = { connectMs: 500, answerMs: 1000, callMs: 2000 };

/** For an operator at a terminal and for emulators: no platform waits, and a late answer is better than none. */
export const patientTimeouts: Timeouts = { connectMs: 10_000, answerMs: 30_000, callMs: 60_000 };

/** Sockets per host; a sweep works on about as many receipts at once. */
const mostSockets = 50;

/**
 * Options for every AWS client. Without them the SDK waits for ever for an endpoint that never answers, and without
 * `throwOnRequestTimeout` a request timeout is only logged. Region, credentials and endpoint are left to the SDK's own
 * defaults (`AWS_ENDPOINT_URL` for local runs).
 */
export function awsClientOptions({ connectMs, answerMs }: Timeouts = awsTimeouts) {
  const agent = { keepAlive: true, maxSockets: mostSockets };
  return {
    maxAttempts: 2,
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: answerMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  };
}

/** The second argument of every `client.send`: the client's own timeouts bound neither a retry nor a dripping body. */
export function callDeadline(callMs: number): { readonly abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(callMs) };
}

/** What may be said of a call that AWS failed: never the text of its error, which can hold what was sent. */
export interface AwsProblem {
  readonly call: string;
  readonly error: string;
  readonly secret?: string;
  /** Age of the cached text that was served instead. */
  readonly staleMs?: number;
}

const plainName = /^[\w.-]{1,64}$/u;

/** The error's name (`AccessDeniedException`, `TimeoutError` …), if it is only a name. */
export function errorNameOf(thrown: unknown): string {
  return thrown instanceof Error && plainName.test(thrown.name) ? thrown.name : 'unknown';
}
