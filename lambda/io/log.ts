import type { Alarm, Failure, FailureCode } from '../failure.ts';
import { embeddedMetrics } from './metrics.ts';

/**
 * Every field that a log line may have. It is an allow-list of our own codes, counts and pseudonyms: never an event, a
 * body, a header, an identifier, a URL or another service's text.
 */
export interface LogLine {
  /** `closed` is the attempt that closed a receipt: one line a receipt, whoever else worked on it. */
  readonly event: 'request' | 'accepted' | 'attempt' | 'closed' | 'refused' | 'callback' | 'sweep' | 'alarm' | 'aws';
  readonly platform?: string;
  /** The receipt's id: an HMAC. */
  readonly receipt?: string;
  readonly project?: string;
  readonly outcome?: string;
  readonly code?: FailureCode | (string & {});
  readonly alarm?: Alarm;
  /** The field or rule by which a genuine request was refused: a text of our own. */
  readonly rule?: string;
  readonly status?: number;
  readonly durationMs?: number;
  readonly claimed?: number;
  readonly closed?: number;
  readonly held?: number;
  readonly delivered?: number;
  readonly failed?: number;
  /** The call of AWS that failed. */
  readonly call?: string;
  readonly staleMs?: number;
  readonly needsReview?: number;
  readonly oldestOpenMs?: number;
  /** How much of the time that the law allows the worst open receipt has used, in percent. */
  readonly deadlineUsedPercent?: number;
  /** Scopes that are paused. */
  readonly paused?: number;
  /** Closed receipts that were signed, and that wait for it. */
  readonly signed?: number;
  readonly unsigned?: number;
  /** File and line of our own code. */
  readonly origin?: string;
  readonly secret?: string;
}

export type Log = (line: LogLine) => void;

/**
 * Logs one JSON object a line, stamped with the injected clock. With a namespace, lines that count something carry their
 * metrics for CloudWatch along.
 */
export function jsonLog(write: (line: string) => void, now: () => number, namespace?: string): Log {
  return line => {
    const at = now();
    const metrics = namespace === undefined ? {} : embeddedMetrics(line, namespace, at);
    write(`${JSON.stringify({ time: new Date(at).toISOString(), ...line, ...metrics })}\n`);
  };
}

/** What a log may say of a refusal. */
export function failureFields({ code, alarm, origin }: Failure): Pick<LogLine, 'code' | 'alarm' | 'origin'> {
  return { code, ...(alarm === undefined ? {} : { alarm }), ...(origin === undefined ? {} : { origin }) };
}
